"""The process's settings and the providers' keys, read from the environment and `.env`.

Everything that routes stands in the router configuration; here is what a process needs before it
can open one.  Nothing is kept globally: `read_settings` and `read_keyring` are called once, at the
start, and what they give is passed on.  The environment wins over `.env`; an empty variable counts
as not set.
"""

from llmrouter.settings.environment import SettingFault, SettingsInvalid
from llmrouter.settings.keyring import Keyring, read_keyring
from llmrouter.settings.process import Settings, misspelt_variables, read_settings
from llmrouter.settings.values import Bodies

__all__ = [
    "Bodies",
    "Keyring",
    "SettingFault",
    "Settings",
    "SettingsInvalid",
    "misspelt_variables",
    "read_keyring",
    "read_settings",
]
