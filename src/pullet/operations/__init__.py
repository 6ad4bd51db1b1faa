"""What a user can ask: one function each, shared by the command line, the API and the web pages."""
