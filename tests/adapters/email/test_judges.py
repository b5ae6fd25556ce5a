"""Mails before judges that are not ours; those that are not installed are skipped."""

import shutil
import subprocess

import pytest

from bot.adapters.email.publisher import compose
from tests.adapters.email.test_compose import HALA, SETTINGS, html_of, parsed
from tests.builders import an_item, an_outgoing

_HARMLESS = {"NO_RECEIVED", "NO_RELAYS", "HTML_MESSAGE"}
"""It was not sent yet, and it has HTML."""
A_DAY = an_outgoing(HALA, *(an_item(number) for number in range(2, 40)), unsubscribe_token="t")


@pytest.mark.skipif(shutil.which("spamassassin") is None, reason="needs Debian's spamassassin")
def test_no_rule_of_spamassassin_hits() -> None:
    command = ["spamassassin", "-x", "-L", "-e", "-t", "--cf=use_bayes 0", "--cf=report_safe 0"]
    raw = compose(A_DAY, SETTINGS)
    judged = subprocess.run(command, input=raw, capture_output=True, check=False, timeout=60).stdout
    status = parsed(judged)["X-Spam-Status"]
    rules = set("".join(status.partition("tests=")[2].split()).partition("autolearn")[0].split(","))
    assert rules - _HARMLESS - {""} == set()


def test_what_spam_filters_look_at_is_in_order() -> None:
    raw = compose(A_DAY, SETTINGS)
    mail = parsed(raw)
    plain, html = mail.iter_parts()
    assert [plain.get_content_type(), html.get_content_type()] == ["text/plain", "text/html"]
    assert html["Content-Transfer-Encoding"] == "7bit"
    assert plain["Content-Transfer-Encoding"] in ("7bit", "quoted-printable")
    words, tags = len(plain.get_content()), len(html_of(mail))
    assert words > tags / 5
    assert all(mail[name] for name in ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version"))
    assert b"\t" not in raw
