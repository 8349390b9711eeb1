import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.mail.tokens import BadToken, Click, Tokens, Unsubscribe

words = st.text(st.characters(exclude_categories=["Cs"]))


@given(words, words, words)
def test_a_click_carries_message_link_and_target(message: str, link: str, url: str) -> None:
    tokens = Tokens(["key"])
    assert tokens.read_click(tokens.click(message, link, url)) == Click(message, link, url)


def test_opens_carry_the_message_and_unsubscribes_also_of_whom_and_from_what() -> None:
    tokens = Tokens(["key"])
    assert tokens.read_open(tokens.open("m1")) == "m1"
    assert tokens.read_unsubscribe(tokens.unsubscribe("m1", "p1", "f1")) == Unsubscribe("m1", "p1", "f1")


def test_mails_of_earlier_versions_can_still_be_unsubscribed_from() -> None:
    assert Tokens(["key"]).read_unsubscribe("Im0xIg.wt3RG3Ba6LgLDMTAKAI2ALIiNmshAwtIaPOPCbDxExg") == Unsubscribe("m1")


def test_a_token_of_one_kind_is_not_valid_as_another() -> None:
    tokens = Tokens(["key"])
    with pytest.raises(BadToken):
        tokens.read_unsubscribe(tokens.open("m1"))
    with pytest.raises(BadToken):
        tokens.read_open(tokens.unsubscribe("m1", "p1", "f1"))
    with pytest.raises(BadToken):
        tokens.read_click(tokens.open("m1"))


def test_the_first_key_signs_and_all_verify() -> None:
    old, both, new = Tokens(["old"]), Tokens(["new", "old"]), Tokens(["new"])
    assert both.read_open(old.open("m1")) == "m1"
    assert new.read_open(both.open("m1")) == "m1"
    with pytest.raises(BadToken):
        old.read_open(both.open("m1"))


@given(st.text())
def test_what_we_did_not_sign_is_refused(token: str) -> None:
    tokens = Tokens(["key"])
    for read in (tokens.read_click, tokens.read_open, tokens.read_unsubscribe):
        with pytest.raises(BadToken):
            read(token)


def test_every_changed_character_is_noticed() -> None:
    tokens = Tokens(["key"])
    token = tokens.click("m1", "", "https://fjord.example/")
    for at in range(len(token) - 1):  # the last one carries bits that base64 ignores
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        with pytest.raises(BadToken):
            tokens.read_click(changed)


def test_tokens_are_safe_in_a_url_and_short() -> None:
    token = Tokens(["key"]).click("0199f0e2-7c6b-7d60-a6b5-3f6c2a1b9c00", "offer", "https://fjord.example/offer?a=1")
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
    assert len(token) < 180


@pytest.mark.parametrize("keys", [[], [""], ["key", ""]])
def test_a_missing_key_is_refused(keys: list[str]) -> None:
    with pytest.raises(ValueError, match="FERD_SECRET_KEYS"):
        Tokens(keys)
