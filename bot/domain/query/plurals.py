"""English plural nouns to their singular: a short rule list, with the irregular nouns of this field.

Only nouns whose two forms are one thing are folded: `policies` is `policy`, but `dynamics` is not
`dynamic`, and `news`, `lens`, `bias` and `series` are no plurals.
"""

from collections.abc import Iterator

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

_SHORTEST = 4
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

PLURAL_RULES = (sorted(_IRREGULAR.items()), sorted(_NO_PLURALS), sorted(_COUNTED_ICS), _SHORTEST, _ENDINGS)


def common_beginning(beginning: str) -> str:
    """What the singular of every word with that beginning begins with.

    The rules only touch a tail of the letters i, c, e and s; the irregular nouns are looked at one by one.
    """
    kept = beginning.rstrip("ices")
    singulars = [new for old, new in _IRREGULAR.items() if old.startswith(kept)]
    while not all(new.startswith(kept) for new in singulars):
        kept = kept[:-1]
    return kept


def beginnings(word: str) -> frozenset[str]:
    """Beginnings of which every word has one whose singular this is; takes lower case.

    The rules only touch a tail of the letters y, i, x, e and s; the irregular nouns are looked at one by one.
    """
    forms = (old for old, new in _IRREGULAR.items() if singular(new) == word)
    return frozenset(form.rstrip("yixes") for form in (word, *forms))


def spellings(word: str) -> frozenset[str]:
    """Every word whose singular this is; empty where it is a plural itself. Takes lower case."""
    found = {word} if _step(word) == word else set[str]()
    new = set(found)
    while new:
        new = {longer for shorter in new for longer in _longer(shorter) if _step(longer) == shorter} - found
        found |= new
    return frozenset(found)


def singular(word: str) -> str:
    """The word without its English plural; the word itself where it is none. Takes lower case.

    `singular(singular(word)) == singular(word)`.
    """
    while (shorter := _step(word)) != word:
        word = shorter
    return word


def _step(word: str) -> str:
    irregular = _IRREGULAR.get(word)
    if irregular is not None:
        return irregular
    if len(word) < _SHORTEST or word in _NO_PLURALS or not word.isascii():
        return word
    return _by_ending(word) if word[-1] == "s" else word


def _longer(word: str) -> Iterator[str]:
    """Words of which one step may give this one; the others give something else."""
    yield f"{word}s"
    yield from (old for old, new in _IRREGULAR.items() if new == word)
    for plural, ending in _ENDINGS:
        if word.endswith(ending):
            yield word.removesuffix(ending) + plural


def _by_ending(word: str) -> str:
    if word.endswith(("series", "species")):
        return word
    for plural, ending in _ENDINGS:
        if word.endswith(plural) and len(word) >= max(len(plural), _SHORTEST + 1):
            return word[: -len(plural)] + ending
    if word.endswith(("ss", "us", "is")) or (word.endswith("ics") and word not in _COUNTED_ICS):
        return word
    return word[:-1] if any(map(str.isalpha, word[:-1])) else word
