"""`manage.py gateway doctor`: looks at an installation and says what is wrong with it, and how to mend it.

command.py -> look at the database, the process and the address -> examination.py (every check) -> report.py
"""
