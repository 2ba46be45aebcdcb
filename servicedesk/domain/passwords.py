"""Which passwords are good enough: long, and not what everybody tries first."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import Final

from servicedesk.domain.errors import FieldError
from servicedesk.domain.words import say

LEAST: Final = 10
MOST: Final = 128


def password_errors(password: str, pointer: str = "/password") -> Iterator[FieldError]:
    """Yield what is wrong with a new password."""
    password = normal(password)
    if len(password) < LEAST:
        yield FieldError(pointer, "too_short", say("must have at least {least} characters", least=LEAST))
    elif len(password) > MOST:
        yield FieldError(pointer, "too_long", say("must have at most {most} characters", most=MOST))
    elif is_common(password):
        yield FieldError(pointer, "too_common", say("is one of those that are tried first; choose another"))


def normal(password: str) -> str:
    """Return the form that is hashed: the same on every keyboard."""
    return unicodedata.normalize("NFC", password)


def is_common(password: str) -> bool:
    """Return whether it is one that was used so often that it is tried first: as it stands, with little around it or
    twice; a repetition; or a walk along the keys.
    """
    text = password.casefold()
    half = text[: len(text) // 2]
    return (
        text in listed()
        or _is_decorated(text)
        or _is_walk(text)
        or (text == half * 2 and _is_decorated(half))
    )


def _is_decorated(text: str) -> bool:
    core = _EDGES.sub("", text)
    if len(text) - len(core) > _DECORATION_MAX:
        return False
    plain = core.translate(_UNLEET)
    if plain[: len(plain) // 2] * 2 == plain:
        plain = plain[: len(plain) // 2]
    other = _EDGES.sub("", text.translate(_UNLEET))
    return any(each in words for each in (core, plain, other) for words in (_WORDS, listed()))


@cache
def listed() -> frozenset[str]:
    """Return the passwords that were used most, out of what was stolen and published: thirty thousand of them.

    They come with a package whose own start-up we do without: it would build dictionaries that we never ask. Reading
    them takes some milliseconds, so a server does it once, aside.
    """
    package = find_spec("zxcvbn")
    places = package.submodule_search_locations if package else None
    spec = PathFinder.find_spec("zxcvbn.frequency_lists", places)
    if spec is None or spec.loader is None:
        from zxcvbn import frequency_lists as module
    else:
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
    return frozenset(module.FREQUENCY_LISTS["passwords"])


def _is_walk(text: str) -> bool:
    """Return whether it is a short unit over and over, or runs along the keys, the alphabet or the digits."""
    if any(text == (text[:size] * len(text))[: len(text)] for size in range(1, 5)):
        return True
    return any(text in path for path in _PATHS)


_DECORATION_MAX: Final = 6
_EDGES: Final = re.compile(r"^[\d\W_]+|[\d\W_]+$")
_UNLEET: Final = str.maketrans("01345789@$!|+", "oleastbgasilt")


def _paths() -> Iterator[str]:
    rows = ["1234567890", "0123456789", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm"]
    rows += ["qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm", "wxcvbn"]
    rows += ["qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm", "azertyuiopqsdfghjklmwxcvbn"]
    rows += ["1q2w3e4r5t6y7u8i9o0p", "q1w2e3r4t5y6u7i8o9p0", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p"]
    rows += [
        "qazwsxedcrfvtgbyhnujmikolp",
        "1122334455667788990011",
        "11223344556677889900",
        "147258369",
        "159753",
    ]
    rows += ["qwertyuiop1234567890", "qwerty1234567890", "1234567890qwertyuiop", "asdfghjkl1234567890"]
    rows += ["123456qwerty", "12345qwert", "qwert12345", "123qweasdzxc", "qweasdzxc123", "qwe123asd456zxc789"]
    rows += [
        "123abc456def789",
        "abc123def456ghi789",
        "abcd1234efgh5678",
        "abcdef123456",
        "abcde12345",
        "a1b2c3d4e5f6g7h8",
    ]
    rows += [
        "aabbccddeeffgghh",
        "zaq12wsxcde34rfv",
        "!@#$%^&*()_+",
        "!qaz@wsx#edc$rfv",
        "asdfasdfqwerqwer",
        "1a2b3c4d5e6f7g",
    ]
    for row in rows:
        yield row + row
        yield row[::-1] + row[::-1]


_PATHS: Final = tuple(_paths())

_TEXT: Final = """
password passwort passw passwd pass passcode passphrase motdepasse contrasena wachtwoord parola haslo senha
secret geheim topsecret supersecret mysecret mypassword thepassword yourpassword newpassword oldpassword
passwordpass passpass nopassword defaultpassword temppassword temporary temppass login logon letmein
letmeinnow letmeinplease openup open opensesame sesame access accessme enter entrance welcome welcometo
welcomeback willkommen bienvenue bienvenido hello hallo bonjour hellohello helloworld hithere goodbye admin
administrator adminadmin root rootroot toor superuser superadmin sysadmin system operator manager master
masterkey user username users guest test tester testing testtest testuser demo example sample default
changeme changethis changeit change changemenow pleasechange replaceme setup install service servicedesk
helpdesk office company business corporate internet computer laptop network router server database oracle
mysql postgres sqlserver windows microsoft apple macintosh google android samsung facebook instagram twitter
youtube linkedin amazon netflix spotify pokemon minecraft fortnite starwars startrek matrix batman superman
spiderman ironman wolverine captain avengers joker gandalf frodo hobbit hogwarts harrypotter voldemort
skywalker darthvader chewbacca yoda jedi terminator rambo rocky godzilla qwerty qwertz azerty qwertyui
qwertyuiop asdfgh asdfghjk asdfghjkl zxcvbn zxcvbnm qazwsx qazwsxedc asdf qwer zxcv qweasd qweasdzxc wasd
abc abcd abcde abcdef abcdefg abcabc abcdabcd xyz aaa aaaa xxx xxxx zzz zzzz iloveyou iloveu iloveme ilove
loveyou loveme lovely love lover lovers loveis mylove truelove sweetheart ihateyou fuckyou fuckoff fuckme
fuck shit bitch asshole bullshit whatever trustno trustnoone nobody nothing sunshine sunflower sunset
moonlight starlight rainbow butterfly flower flowers princess prince queen king kingdom angel angels devil
heaven hell jesus jesuschrist christ god godisgood blessed faith hope grace freedom liberty justice peace
victory winner champion legend hero warrior soldier army marines navy airforce dragon dragons monkey monkeys
tiger tigers lion lions eagle eagles falcon hawk wolf wolves bear bears panther panthers dolphin dolphins
shark snake spider scorpion phoenix unicorn horse horses pony puppy kitten kitty cat cats dog dogs doggy
doggie bulldog rabbit bunny turtle penguin elephant giraffe chicken cow pig duck goose football soccer
baseball basketball hockey tennis golf golfer cricket rugby swimming runner racing skater surfer yankees
redsox cowboys steelers packers patriots lakers bulls celtics warriors dodgers giants rangers raiders
broncos arsenal chelsea liverpool manchester manutd mancity everton tottenham barcelona realmadrid juventus
bayern dortmund schalke benfica celtic boston chicago dallas newyork california texas florida london paris
berlin hamburg madrid lisboa roma milan moscow tokyo sydney america american england germany deutschland
france canada australia mexico brasil brazil italia espana india pakistan russia china japan europe africa
spring summer autumn winter january february march april june july august september october november
december monday tuesday wednesday thursday friday saturday sunday weekend holiday christmas birthday easter
halloween fruehling sommer herbst winterzeit januar februar juni juli oktober dezember montag freitag
michael michelle jennifer jessica ashley amanda nicole daniel daniela andrew anthony joshua matthew
christopher christian christina robert roberto william thomas charlie charles george jordan taylor hunter
buster maggie ginger pepper cookie cookies peanut chocolate cheese banana apples orange cherry strawberry
coffee pizza bacon butter sugar honey vanilla pumpkin potato tomato samantha stephanie elizabeth victoria
alexander alexandra alexandre alejandro natalie natasha melissa rebecca rachel patricia patrick richard
steven stephen kevin justin brandon jonathan benjamin nicholas dominic martin martina maria mariana marina
sandra sabrina sarah laura julia juliana jasmine vanessa veronica valentina gabriel gabriela fernando
francisco carlos ricardo eduardo antonio alberto isabella sophia olivia emma mia lucas oliver harry jack
james john david joseph peter paul mark simon stefan andreas markus wolfgang schatz schatzi hallohallo
ficken sonnenschein blink metallica nirvana slipknot eminem beatles elvis madonna rihanna beyonce ladygaga
guitar drummer music rockstar rocknroll popstar dancer dancing party disco ferrari porsche mercedes bmw audi
toyota honda yamaha suzuki corvette mustang camaro chevy chevrolet dodge harley harleydavidson ducati
kawasaki subaru nissan jaguar killer hacker ninja samurai assassin sniper zombie vampire shadow shadows
ghost demon thunder lightning storm hurricane tornado blizzard diamond diamonds silver golden platinum
crystal jewel emerald sapphire ruby purple yellow green greenday blue red black blackie blackjack white
whitney pinkfloyd pinky rainbows money moneymoney dollar dollars rich millionaire lucky luckyme poker casino
jackpot gambler player gamer gaming playstation xbox nintendo zelda mario sonic halo warcraft
worldofwarcraft counterstrike callofduty babygirl babyboy baby babe daddy mommy mother father brother sister
family friends friend bestfriend forever together always never mememe imthebest number numberone superstar
cutie cutiepie hottie sexy sexygirl beautiful gorgeous pretty handsome smile smiley happy happiness funny
crazy awesome amazing perfect cool coolguy coolgirl
"""
_WORDS: Final = frozenset(_TEXT.split())
