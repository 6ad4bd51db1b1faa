"""PostgreSQL: one server a target, one database and one role a service.

What an app can write into its database is hostile: whatever is executed while a copy is restored (expression indexes,
check constraints, materialised views) runs in a session of the copy's own role, never of the superuser.
"""
