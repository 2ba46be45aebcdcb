"""The questions about notifications find their index."""

import pytest

from servicedesk.store.db import Tx


@pytest.mark.parametrize(
    ("question", "index"),
    [
        (
            "SELECT * FROM notifications WHERE user_id = 1 AND id < 9 ORDER BY id DESC LIMIT 5",
            "notifications_by_user",
        ),
        (
            "SELECT * FROM notifications WHERE user_id = 1 AND id < 9 AND is_read = 0 ORDER BY id DESC LIMIT 5",
            "notifications_unread",
        ),
        (
            "UPDATE notifications SET is_read = 1 WHERE user_id = 1 AND is_read = 0 AND id <= 9",
            "notifications_unread",
        ),
        (
            "SELECT id FROM notifications WHERE user_id = 1 AND ticket_id = 2 AND kind = 'noted' AND is_read = 0"
            " ORDER BY id DESC LIMIT 1",
            "notifications_unread_by_ticket",
        ),
        (
            "UPDATE notifications SET is_read = 1 WHERE user_id = 1 AND ticket_id = 2 AND is_read = 0",
            "notifications_unread_by_ticket",
        ),
        (
            "SELECT id FROM notifications WHERE is_read = 1 AND created_at < 5 ORDER BY created_at LIMIT 5",
            "notifications_to_forget",
        ),
    ],
)
def test_each_question_walks_its_index(tx: Tx, question: str, index: str) -> None:
    plan = [row["detail"] for row in tx.execute(f"EXPLAIN QUERY PLAN {question}")]

    assert any(f"INDEX {index} (" in step or step.endswith(index) for step in plan), plan
    assert not any("TEMP B-TREE" in step for step in plan), plan
