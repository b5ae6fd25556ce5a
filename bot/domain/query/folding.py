"""Folding: text to words, and words to the forms in which two spellings of one word are equal.

A word is a run of letters and digits of any script; everything else (blank, hyphen, slash, bracket,
full stop) only parts words. An apostrophe joins (`don't`), a possessive `'s` is left out, `C++` and
`C#` keep their signs. Scripts written without blanks (Chinese, Japanese, Korean, Thai …) give one word
per character, so that a phrase finds them anywhere.
"""

import hashlib
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import accumulate, islice
from typing import Literal

Layer = Literal["folded", "plain", "exact"]
"""`exact`: the letters as written; `plain`: without case, accents and width; `folded`: singular too."""

UNSPACED = (
    "\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e50-\u0e59"  # Thai
    "\u0e81-\u0eb0\u0eb2\u0eb3\u0ebd-\u0ec6\u0ed0-\u0edf"  # Lao
    "\u1000-\u102a\u103f-\u1049\u1050-\u1055"  # Myanmar
    "\u1100-\u11ff\u1780-\u17b3\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u303c"  # Jamo, Khmer, radicals
    "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u318e\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97c\uac00-\ud7fb\uf900-\ufaff\uff66-\uffdc"
    "\U0001b000-\U0001b2ff\U00020000-\U0003ffff"
)
MARKS = (
    "\u00ad\u034f\u061c\u200c-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff"  # no sign
    "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a"
    "\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u0711\u0730-\u074a\u07eb-\u07f3"
    "\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963\u0981-\u0983\u09bc-\u09cd\u09d7\u0a01-\u0a03"
    "\u0a3c-\u0a51\u0a70\u0a71\u0a81-\u0a83\u0abc-\u0acd\u0b01-\u0b03\u0b3c-\u0b57\u0b82\u0bbe-\u0bd7"
    "\u0c00-\u0c04\u0c3c-\u0c56\u0c81-\u0c83\u0cbc-\u0cd6\u0d00-\u0d03\u0d3b-\u0d4d\u0d57\u0d82\u0d83"
    "\u0dca-\u0ddf\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd\u0f71-\u0f84"
    "\u102b-\u103e\u1056-\u1059\u17b4-\u17d3\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\u3099\u309a"
    "\ufe20-\ufe2f"
)
"""Signs inside a word that are no letters: combining marks, soft hyphen, joiners and direction marks."""

_ACCENTS = re.compile(
    "[\u00ad\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u061c\u0640\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u1ab0-\u1aff\u1dc0-\u1dff\u200b-\u200f\u202a-\u202e\u2060-\u2069"
    "\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\ufeff]+"
)
"""Marks of alphabets where the bare letter is the same word; the vowel signs of other scripts stay."""

_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
"""Latin letters with a stroke or a ligature, which Unicode does not take apart."""

_APOSTROPHES = "'\u2019\u02bc\uff07"
_WORD = f"[^\\W_{_APOSTROPHES}{UNSPACED}]"
_TOKEN = re.compile(f"(?:{_WORD}+(?:[{MARKS}{_APOSTROPHES}]+{_WORD}+)*(?:\\+\\+|#)?|[{UNSPACED}])[{MARKS}]*")
_ASCII_TOKEN = re.compile(r"[a-zA-Z0-9]+(?:'+[a-zA-Z0-9]+)*(?:\+\+|#)?")
"""What `_TOKEN` finds in ASCII text."""
_UNSPACED_SIGN = re.compile(f"[{UNSPACED}]")
_POSSESSIVE = re.compile(f"(?<=.)[{_APOSTROPHES}][sS]$", re.DOTALL)
_JOINERS = re.compile(f"[{_APOSTROPHES}]+")
_NO_SIGN = re.compile("[\u00ad\u034f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff]+")
_SIGNED = frozenset({"c++", "g++", "c#", "f#", "j#"})
_NOT_WORD = re.compile(f"(?:(?![{MARKS}])[\\W_{_APOSTROPHES}])+")
_GAPS = bytes(
    ord(" ") if chr(code).isascii() and not chr(code).isalnum() and chr(code) not in "'+#\0" else code
    for code in range(256)
)
"""Blanks for the signs of ASCII that no word holds, in UTF-8."""
_LOWER_GAPS = _GAPS.lower()

PART_END, FIELD_END = "\0", "\0\0"
"""Pieces that stand for the end of a part and of a field; texts have no such sign."""

_LONGEST_CACHED = 40
_MOST_CACHED = 100_000

# Plurals: only nouns whose two forms are one thing are folded. `policies` is `policy`, but `dynamics` is not
# `dynamic`, and `news`, `lens`, `bias` and `series` are no plurals.

_IRREGULAR: dict[str, str] = {
    plural: singular
    for line in """
analyses analysis|paralyses paralysis|theses thesis|crises crisis|diagnoses diagnosis|prognoses prognosis
oases oasis|emphases emphasis|synopses synopsis|neuroses neurosis|psychoses psychosis|symbioses symbiosis
metamorphoses metamorphosis|anamorphoses anamorphosis|metastases metastasis|geneses genesis|axes axis
vertices vertex|vortices vortex|cortices cortex|appendices appendix|codices codex|simplices simplex
helices helix|apices apex|corpora corpus|subcorpora subcorpus|criteria criterion
phenomena phenomenon|automata automaton|datum data
optima optimum|minima minimum|maxima maximum|extrema extremum|spectra spectrum|momenta momentum
curricula curriculum|errata erratum|strata stratum|quanta quantum|symposia symposium|bacteria bacterium
memoranda memorandum|addenda addendum|equilibria equilibrium|millennia millennium|desiderata desideratum
continua continuum|ganglia ganglion|genera genus|schemata schema|lemmata lemma|stigmata stigma
stimuli stimulus|foci focus|loci locus|radii radius|nuclei nucleus|moduli modulus|tori torus|gyri gyrus
alumni alumnus|fungi fungus|cacti cactus|syllabi syllabus|thesauri thesaurus|hippocampi hippocampus
formulae formula|antennae antenna|nebulae nebula|vertebrae vertebra|larvae larva|algae alga
supernovae supernova|children child|mice mouse|men man|women woman|feet foot|teeth tooth|geese goose
people person|oxen ox|leaves leaf|halves half|lives life|wolves wolf|shelves shelf|knives knife|wives wife
selves self|calves calf|loaves loaf|thieves thief|elves elf|hooves hoof|scarves scarf|dwarves dwarf
gases gas|canvases canvas|atlases atlas|aliases alias|buses bus|irises iris|trellises trellis
metropolises metropolis|quizzes quiz|viruses virus|bonuses bonus|campuses campus|corpuses corpus
focuses focus|refocuses refocus|statuses status|censuses census|consensuses consensus|nexuses nexus
syllabuses syllabus|octopuses octopus|surpluses surplus|choruses chorus|geniuses genius|circuses circus
apparatuses apparatus|radiuses radius|sinuses sinus|hiatuses hiatus|thesauruses thesaurus|foetuses foetus
walruses walrus|caucuses caucus|minuses minus|pluses plus|cactuses cactus|fetuses fetus|opuses opus
heroes hero|potatoes potato|tomatoes tomato|echoes echo|torpedoes torpedo|vetoes veto|volcanoes volcano
tornadoes tornado|mosquitoes mosquito|buffaloes buffalo|dominoes domino|zeroes zero|haloes halo
embargoes embargo|mangoes mango|movies movie|cookies cookie|zombies zombie|calories calorie|selfies selfie
rookies rookie|genies genie|prairies prairie|brownies brownie|hoodies hoodie|newbies newbie
smoothies smoothie|aches ache|headaches headache|psyches psyche|cliches cliche|moustaches moustache
waltzes waltz|blitzes blitz
apis api|pois poi|rois roi|guis gui|wikis wiki|emojis emoji|mris mri|fmris fmri|kanjis kanji|taxis taxi
skis ski|alibis alibi|mpis mpi|wsis wsi|hois hoi
gpus gpu|cpus cpu|tpus tpu|npus npu|dpus dpu|ipus ipu|vpus vpu|xpus xpu|apus apu|lpus lpu|imus imu
menus menu|submenus submenu|relus relu|gelus gelu|grus gru|gurus guru|haikus haiku|sudokus sudoku
plateaus plateau|tableaus tableau|bureaus bureau|emus emu
lms lm|vms vm|fms fm|rms rm|dms dm|kgs kg|uis ui|ais ai|ids id|pcs pc|kps kp|qas qa|nns nn|ops op|kbs kb
avs av|evs ev|ads ad|prs pr|dbs db|mls ml|vls vl|cvs cv
""".strip().splitlines()
    for plural, singular in (pair.split() for pair in line.split("|"))
}

_NO_PLURALS_LIST = """
news lens means species series bias debias gas atlas canvas alias texas kansas pancreas whereas alas
chaos cosmos ethos pathos ios macos does goes always perhaps sometimes besides towards afterwards
nowadays themselves ourselves yourselves hers ours yours theirs thanks odds https
"""
_NO_PLURALS = frozenset(_NO_PLURALS_LIST.split())

_COUNTED_ICS_LIST = """
metrics critics topics subtopics heuristics characteristics rubrics mimics clinics fabrics comics
harmonics infographics lyrics logics generics epics relics mosaics antibiotics pandemics epidemics cubics
tactics skeptics
"""
_COUNTED_ICS = frozenset(_COUNTED_ICS_LIST.split())
"""Words in -ics that are plurals; the others (physics, semantics, dynamics) are fields of study."""

_SHORTEST_PLURAL = 4
"""Shorter words in -s are their own words (`its`, `gas`), but for the listed ones."""

_ENDINGS: tuple[tuple[str, str], ...] = (
    ("matrices", "matrix"),
    ("indices", "index"),
    ("yses", "ysis"),
    ("theses", "thesis"),
    ("biases", "bias"),
    ("lenses", "lens"),
    ("caches", "cache"),
    ("niches", "niche"),
    ("avalanches", "avalanche"),
    ("sses", "ss"),
    ("shes", "sh"),
    ("ches", "ch"),
    ("xes", "x"),
    ("zzes", "zz"),
    ("ies", "y"),
)
"""Tried in this order; a word of four letters (`ties`) only loses its s."""

_PLURAL_ENDINGS = tuple(plural for plural, _ in _ENDINGS)

_CHANGED_BEGINNINGS = tuple(
    ending[:length]
    for pair in _ENDINGS
    for ending in pair
    for length in range(1, len(ending) + 1)
    if not all(other.startswith(ending[:length]) for other in pair)
)
"""How a beginning ends that reaches into the part of an ending that the plural changes."""

PLURAL_RULES = (
    sorted(_IRREGULAR.items()),
    sorted(_NO_PLURALS),
    sorted(_COUNTED_ICS),
    _SHORTEST_PLURAL,
    _ENDINGS,
)


def spans(text: str) -> list[tuple[int, int]]:
    """Start and end of each word of the text, in order, with possessive endings."""
    return list(map(re.Match.span, _tokens(text).finditer(text)))


def without_possessive(word: str) -> str:
    """The word as written, without `'s`."""
    return _POSSESSIVE.sub("", word)


def words(text: str, layer: Layer) -> list[str]:
    """The words of the text, in order, in the form of that layer. None holds a blank or is empty."""
    return list(map(_FOLDS[layer], _tokens(text).findall(text)))


def _tokens(text: str) -> re.Pattern[str]:
    return _ASCII_TOKEN if text.isascii() else _TOKEN


def joined(text: str, layer: Layer) -> str:
    """`" "` and each word of the text followed by `" "`: what a phrase is looked for in.

    The same words as `words` gives, sooner: pieces between blanks are folded once and remembered.
    """
    gapped = _gapped(text.replace(PART_END, " "), _GAPS if layer == "exact" else _LOWER_GAPS)
    return " " + "".join(map(_CACHES[layer].__getitem__, gapped.split()))


def folded_fields(fields: Sequence[Sequence[str]]) -> list[str]:
    """The folded words of each field: a line for each of its texts, as `joined` gives it; empty for a field without texts."""
    return lines_of_fields(map(_CACHES["folded"].__getitem__, _gapped(_whole(fields), _LOWER_GAPS).split()))


def lines_of_fields(folded: Iterable[str]) -> list[str]:
    """The lines of each field from the `folded_piece` of all `pieces`."""
    return [lines and f" {lines[:-2]}" for lines in "".join(folded).split(FIELD_END)[:-1]]


def pieces(fields: Sequence[Sequence[str]]) -> list[str]:
    """The texts of each field cut at blanks and at the signs of ASCII that no word holds: no word reaches over a cut.

    PART_END stands behind each text, FIELD_END behind each field.
    """
    return _gapped(_whole(fields), _GAPS).split()


def _whole(fields: Sequence[Sequence[str]]) -> str:
    texts = ["".join([f"{text.replace(PART_END, ' ')} {PART_END} " for text in texts]) for texts in fields]
    return f" {FIELD_END} ".join((*texts, ""))


def _gapped(text: str, gaps: bytes) -> str:
    """The text, sign for sign, with blanks for signs at which it may be cut."""
    return text.encode("utf-8", "surrogatepass").translate(gaps).decode("utf-8", "surrogatepass")


class WordPositions:
    """Positions of a text's words by number: as `spans`, but faster for a few words of a long text."""

    def __init__(self, text: str) -> None:
        self._gapped = _gapped(text, _GAPS)
        counts = list(map(_WORD_COUNTS.__getitem__, self._gapped.split()))
        self._ends = None if counts.count(1) == len(counts) else list(accumulate(counts))
        """How many words there are up to each piece; None where each piece is one word."""
        self._last_piece, self._last_start = 0, 0

    def __getitem__(self, number: int) -> tuple[int, int]:
        """Start and end of the word with that number."""
        ends = self._ends
        piece = number if ends is None else bisect_right(ends, number)
        words_before = 0 if ends is None else number - (ends[piece - 1] if piece else 0)
        word = next(islice(_TOKEN.finditer(self._gapped, self._start(piece)), words_before, None))
        return word.span()

    def _start(self, piece: int) -> int:
        """Start of that piece; the search goes on from the piece that was asked for last, where that is before it."""
        if piece < self._last_piece:
            self._last_piece, self._last_start = 0, 0
        tail = self._gapped[self._last_start :].split(None, piece - self._last_piece)[-1]
        self._last_piece, self._last_start = piece, len(self._gapped) - len(tail)
        return self._last_start


def is_unspaced(sign: str) -> bool:
    """True where the sign belongs to a script written without blanks: it is a word by itself."""
    return _UNSPACED_SIGN.match(sign) is not None


def _surface(word: str) -> str:
    """The letters as written, without a possessive ending and signs that nobody sees."""
    if word.isascii() and word.isalnum():
        return word
    bare = _NO_SIGN.sub("", _JOINERS.sub("'", _POSSESSIVE.sub("", word)))
    return unicodedata.normalize("NFC", bare if bare.lower() in _SIGNED else bare.rstrip("+#"))


def plain_form(word: str) -> str:
    """One word without case, accents and width."""
    return word.lower() if word.isascii() and word.isalnum() else _plain_form(word)


@lru_cache(10_000)
def _plain_form(word: str) -> str:
    bare = _JOINERS.sub("", _POSSESSIVE.sub("", word))
    folded = _caseless(bare)
    if folded in _SIGNED:
        return folded
    return _NOT_WORD.sub("", folded) or bare.rstrip("+#")


def _caseless(text: str) -> str:
    """The text without case, width and accents; the same text again for its own result."""
    if text.isascii():
        return text.lower()
    before = ""
    while text != before:
        apart = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
        before, text = text, unicodedata.normalize("NFKC", _ACCENTS.sub("", apart).translate(_LETTERS))
    return text


def folded_form(word: str) -> str:
    """One word as `plain_form`, and singular."""
    return singular(plain_form(word))


def folded_piece(piece: str, fold: Callable[[str], str]) -> str:
    """The words of a piece without blanks, each folded and followed by a blank; a line feed for PART_END."""
    if piece.isascii() and piece.isalnum():
        return fold(piece) + " "
    if piece == PART_END:
        return "\n "
    if piece == FIELD_END:
        return FIELD_END
    return "".join([f"{fold(word)} " for word in _tokens(piece).findall(piece)])


class _Cache(dict[str, str]):
    """`folded_piece` of pieces; holds a bounded number of short ones."""

    def __init__(self, fold: Callable[[str], str]) -> None:
        super().__init__()
        self._fold = fold

    def __missing__(self, piece: str) -> str:
        folded = folded_piece(piece, self._fold)
        if len(piece) <= _LONGEST_CACHED:
            if len(self) >= _MOST_CACHED:
                self.clear()
            self[piece] = folded
        return folded


def common_beginning(beginning: str) -> str:
    """The longest beginning that the singulars of all words with that beginning share.

    The rules only touch a tail of the letters i, c, e and s; the irregular nouns are looked at one by one.
    """
    stem = beginning.rstrip("ices")
    singulars = [new for old, new in _IRREGULAR.items() if old.startswith(stem)]
    while not all(new.startswith(stem) for new in singulars):
        stem = stem[:-1]
    return stem


@lru_cache(maxsize=1_000)
def begins_alike(beginning: str) -> bool:
    """True where exactly the words with this beginning have singulars with it: `quantiz`, but not `studi` or `peop`."""
    if beginning.endswith("s"):
        return False
    listed = all(old.startswith(beginning) == new.startswith(beginning) for old, new in _IRREGULAR.items())
    return listed and not beginning.endswith(_CHANGED_BEGINNINGS)


@lru_cache(maxsize=10_000)
def plurals(word: str) -> tuple[str, ...]:
    """A singular and every other word of which it is the singular, shortest first; only itself where it has none."""
    forms, unseen = {word}, [word]
    while unseen:
        form = unseen.pop()
        endings = [form[: -len(new)] + old for old, new in _ENDINGS if form.endswith(new)]
        listed = [old for old, new in _IRREGULAR.items() if new == form]
        others = {other for other in (f"{form}s", *endings, *listed) if _step(other) == form} - forms
        forms |= others
        unseen += others
    return tuple(sorted(forms, key=len))


def singular(word: str) -> str:
    """The word without its English plural; the word itself where it is none. Takes lower case.

    `singular(singular(word)) == singular(word)`.
    """
    while word[-1:] == "s" or word in _IRREGULAR:
        shorter = _step(word)
        if shorter == word:
            break
        word = shorter
    return word


def _step(word: str) -> str:
    irregular = _IRREGULAR.get(word)
    if irregular is not None:
        return irregular
    if len(word) < _SHORTEST_PLURAL or word in _NO_PLURALS or not word.isascii():
        return word
    return _by_ending(word) if word[-1] == "s" else word


def _by_ending(word: str) -> str:
    if word.endswith(("series", "species")):
        return word
    if word.endswith(_PLURAL_ENDINGS):
        for plural, ending in _ENDINGS:
            if word.endswith(plural) and len(word) >= max(len(plural), _SHORTEST_PLURAL + 1):
                return word[: -len(plural)] + ending
    if word.endswith(("ss", "us", "is")) or (word.endswith("ics") and word not in _COUNTED_ICS):
        return word
    return word[:-1] if any(map(str.isalpha, word[:-1])) else word


class _WordCounts(dict[str, int]):
    """Pieces without blanks to how many words they hold; holds a bounded number of short ones."""

    def __missing__(self, piece: str) -> int:
        count = len(_TOKEN.findall(piece))
        if len(piece) <= _LONGEST_CACHED:
            if len(self) >= _MOST_CACHED:
                self.clear()
            self[piece] = count
        return count


_WORD_COUNTS = _WordCounts()

RULES = hashlib.sha256(
    repr(
        (
            _TOKEN.pattern,
            _ACCENTS.pattern,
            _LETTERS,
            sorted(_SIGNED),
            PLURAL_RULES,
            unicodedata.unidata_version,
        )
    ).encode()
).hexdigest()
"""Changes whenever a text may give other words than before."""

_FOLDS: dict[Layer, Callable[[str], str]] = {"folded": folded_form, "plain": plain_form, "exact": _surface}
_CACHES: dict[Layer, _Cache] = {layer: _Cache(fold) for layer, fold in _FOLDS.items()}
