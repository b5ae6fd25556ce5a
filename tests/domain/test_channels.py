"""Channels: their words, and defaults for one that says nothing."""

from bot.domain.channels import Capabilities, ChannelWords


def test_a_channel_has_words_in_the_readers_language_else_in_english() -> None:
    english, chinese = (
        ChannelWords(name="Feed", target="the feed"),
        ChannelWords(name="订阅源", target="订阅源"),
    )
    capabilities = Capabilities(words={"en": english, "zh": chinese})
    assert capabilities.words_in("zh") is chinese
    assert capabilities.words_in("fr") is english
    assert Capabilities().words_in("en") is None


def test_channels_can_be_members_of_sets_whatever_their_words_are() -> None:
    words = {"en": ChannelWords(name="Feed", target="the feed")}
    assert len({Capabilities(words=words), Capabilities(words=dict(words)), Capabilities()}) == 2


def test_a_channel_that_says_nothing_of_its_addresses_takes_any_text_and_owns_no_papers() -> None:
    capabilities = Capabilities()
    assert capabilities.parse_address("/x") == capabilities.address_value("/x") == "/x"
    assert capabilities.mask is None
    assert not capabilities.owns_saved_papers("123")
