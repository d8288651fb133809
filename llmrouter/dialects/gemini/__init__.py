"""The `gemini` dialect: Google's generateContent, on either side of the router."""
