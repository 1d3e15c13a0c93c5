"""Who may come in: the guard of every request, the password, the sessions."""
