"""Lines that a rule must find, and beside them some that it must leave alone. Nobody runs this."""


def bound(conn, user_id, ids, where):
    conn.execute(f"SELECT name FROM users WHERE id = {user_id}")  # finds: values-are-bound
    conn.execute(f"SELECT name FROM users WHERE name = '{user_id.name}'", ())  # finds: values-are-bound
    conn.executemany(f"DELETE FROM {user_id} WHERE id = ?", ids)  # finds: values-are-bound
    conn.execute(f"SELECT {_USER} FROM users WHERE id > ?{where}", (user_id,))
    conn.execute(f"SELECT name FROM users WHERE id IN ({_marks(ids)})", ids)


def glued(conn, user_id):
    conn.execute("SELECT name FROM users WHERE id = %s" % user_id)  # finds: sql-is-not-glued
    conn.execute("SELECT name FROM users WHERE id = {}".format(user_id))  # finds: sql-is-not-glued
    conn.execute("SELECT name FROM users WHERE id = " + user_id)  # finds: sql-is-not-glued
    conn.execute("SELECT name FROM users WHERE id = ?", (user_id,))


def same(token, expected, code):
    if token == expected:  # finds: secrets-are-compared-in-constant-time
        return True
    if code.signature != expected:  # finds: secrets-are-compared-in-constant-time
        return False
    return token == ""
