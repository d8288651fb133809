"""The `responses` dialect: OpenAI's Responses API, on either side of the router."""
