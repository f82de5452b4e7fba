"""Words that stand for one another in policies, manuals and price lists.

The embedder's vectors know close words, but few of the pairs that questions and documents differ
in (`overseas` and `outside`, `consent` and `approval`); those are listed here.
"""

from __future__ import annotations

import re
from functools import lru_cache

from localaws.model.text import content_stems, stem

_GROUPS = """
holiday vacation leave | abroad overseas foreign outside elsewhere
approve approval consent permission authorise authorisation authorize authorization agree confirm
allow allowed permit permitted may | forbid forbidden prohibit prohibited ban banned never
cost price fee charge | cost pay | pay paid payment reimburse reimbursement | salary wage pay paid
boss manager supervisor lead | manage manager head | doctor physician | phone telephone call
mobile phone | car vehicle | sick ill illness disease | start begin began begun
end finish finished complete completed close | buy bought purchase order | send sent submit
keep kept store stored retain retention archive | delete deleted erase remove wipe
journalist press media reporter | picture image photo photograph
react respond response answer acknowledge reply | limit maximum max cap | minimum least
staff employee worker personnel everybody | customer client buyer | trip travel journey
discount reduction rebate | weigh weight heavy | invoice bill | deadline due latest
retire replace retired replaced | warranty guarantee promise | review revise check inspect
quit resign dismiss terminate notice | laptop computer notebook | train rail railway
flight plane fly flew flown air | hotel accommodation lodging | meal food eat lunch dinner
petrol gasoline fuel | child kid | error mistake fault defect bug | problem issue
outage failure incident down | size large big mb gb | train training course learn education
company firm employer business | wash clean cleaned | rule regulation | speak talk spoke
breach leak disclosure | rent rental hire lease | contract agreement | address location
yearly annual annually year | monthly month | weekly week | daily day | repair fix mend
restore recover recovery | stop halt disable switch | lose lost loss missing | drive drove driven
receive get given obtain | supplier vendor | supplier suppliers vendors | own private personal
visit appointment | medicine medication drug | test exam examination | remote home
euro eur | pound gbp | franc chf | dollar usd | temperature degree celsius | audit audited auditor
decide decision | inform told notify tell | report reported notify | store shop | tip gratuity
hour hours time | available availability | duration long takes last lasts | kilometre km kilometer
rise increase raise | reduce lower cut | encrypt encrypted encryption | guest visitor
monday mon | tuesday tue | wednesday wed | thursday thu | friday fri | saturday sat | sunday sun
january jan | february feb | august aug | september sep | october oct | november nov
one 1 | two 2 | three 3 | four 4 | five 5 | six 6 | seven 7 | eight 8 | nine 9 | ten 10
big bigger large larger huge | grow growth expand expansion | small smaller shrink reduce
discard drop dropped throw thrown remove skip | recommend recommended advise advised suggest
prefer preferred preferably recommended | fail failed failure error wrong | danger dangerous risk
wrong invalid incorrect bad | forbid disallow deny denied reject rejected refuse refused
accept support supported | make create build built produce generate | unable cannot
put place placed locate located reside | install installed | folder directory | avoid never
switch flag option | fast speed performance quick | set configured given specified defined
contain include hold comprise consist | occur happen | usual default normal standard
begin newcomer beginner novice first-time | develop developed write written author | memory ram
mean stand denote represent indicate | verify check validate | pause suspend interrupt
name named call called | allow enable permit | need require must | version release
fraction share proportion percent | separate independent | detect discover recognise recognize find
convert transform translate | combine merge join | copy duplicate | show display print
hide hidden invisible | modify change edit | several multiple many | identical same equal
thread threads concurrent parallel | differ different
eleven 11 | twelve 12 | fifteen 15 | twenty 20 | thirty 30 | forty 40 | sixty 60 | ninety 90
"""
# Words that a question may hold without an answer's having to: they count for a third.
_WEAK_WORDS = """
company employee staff people person offer provide receive happen make give go use want like
possible document know soon fast quick quickly kind type another other country thing way new exactly
currently normally look along case mean usually usual actually our someone anyone anybody everyone
somebody reach
concern regard apply available amount information detail question answer cover valid take takes
last lasts require required must able ask asked fine okay ok include included
"""


def _read_groups() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for line in re.split(r"\||\n", _GROUPS):
        group = {stem(word) for word in line.split()}
        for one in group:
            found.setdefault(one, set()).update(group)
    return {one: frozenset(group - {one}) for one, group in found.items()}


ALIKE: dict[str, frozenset[str]] = _read_groups()
WEAK: frozenset[str] = frozenset(stem(word) for word in _WEAK_WORDS.split())
ALIKE_WORTH = 0.85
_NOTHING: frozenset[str] = frozenset()
_NUMBERED = re.compile(r"\b([A-Za-z]+)-(\d+)\b")
_SPELLED = (
    ("up to", "limit"), ("at most", "limit"), ("no more than", "limit"), ("per cent", "percent"),
    ("%", " percent "), ("°C", " degrees "), ("°", " degrees "), ("€", " EUR "), ("£", " GBP "),
    ("$", " USD "),
)  # fmt: skip


@lru_cache(maxsize=8_192)
def bag(text: str) -> frozenset[str]:
    """The terms of a text, each once: what a term is held against."""
    return frozenset(terms(text))


def terms(text: str) -> list[str]:
    """The stems that carry meaning, with signs spelled out so that `95 %` meets `95 per cent`."""
    if "-" in text:
        text = _NUMBERED.sub(r"\1\2", text)  # SEV-1 is one word, 1 another
    for sign, spelled in _SPELLED:
        if sign in text:
            text = text.replace(sign, spelled)
    return content_stems(text)


def closeness(term: str, held: frozenset[str]) -> float:
    """1 where a bag holds the term, a little less where it holds a word for the same."""
    if term in held:
        return 1.0
    return ALIKE_WORTH if not ALIKE.get(term, _NOTHING).isdisjoint(held) else 0.0
