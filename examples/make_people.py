"""Writes `people.csv`: 1,000 made-up people, with the mess that exports from real systems have.

    python examples/make_people.py

The same seed gives the same file, byte for byte; `tests/test_examples.py` holds it to that and counts the mess again.

An importer must refuse 50 of the 1,000 rows, each for one reason:

    14  e-mail address that is none       "kari.nordmann", "ola@@post.example", two addresses in one field
    14  country that is no ISO 3166 code  "Norge", "N0" with a zero, "NOR", "UK": the remedy names the code, NO or GB
     6  wrong number of columns           three with one too many (a comma without quotes), three cut short
     6  external_id used before           by an earlier row of the same file
     5  unknown time zone                 "Europe/Olso", "W. Europe Standard Time", "GMT+1"
     5  mobile that cannot be parsed      "n/a", "ring Kari"

One row holds nothing but blanks: it is passed over, neither taken nor refused. The other 949 are good, though they do
not all look it (one kind a row, except that a row of any kind may lack a mobile or have an empty consent):

    40  country in lower case        24  blanks around the country      30  country empty
    20  address of an earlier row    10  the same, in other case        12  no address at all
    25  blanks around name, address   4  a non-breaking space in a name
    20  number of employees "1 200"   4  the same with a non-breaking space
    12  quotes, 12  commas, 6  line breaks in the company's name
   180  no mobile                   120  no company

Countries are two-letter codes in any case with blanks trimmed, or empty. Two people may share one address. Mobiles
are in any form that can be parsed with the person's country. Every address ends in .example and can reach nobody; the
mobiles are invented, yet some may belong to someone: never let a real SMS provider see them.
"""

import csv
import io
import random
import unicodedata
from dataclasses import dataclass
from pathlib import Path

SEED = 2027
ROWS = 1000
COLUMNS = (
    *("external_id", "first_name", "last_name", "email", "mobile", "country", "language", "time_zone", "category"),
    *("company", "company_category", "company_country", "company_employees", "consent_email"),
)
Row = dict[str, str]


@dataclass(frozen=True)
class Land:
    """A country: what its people are called, and how they write a mobile number (# is a digit)."""

    weight: int
    language: str
    time_zone: str
    towns: str
    mobiles: str
    first: str
    last: str


LANDS = {
    "NO": Land(
        50,
        "nb",
        "Europe/Oslo",
        "Bergen|Tromsø|Ålesund|Bodø|Røros|Hønefoss",
        "400 00 ###|40000###|+47 400 00 ###|0047 40000###|(+47) 40 00 0# ##",
        "Kari|Ola|Bjørn|Åse|Øyvind|Anne-Marie|Håkon|Solveig|Jan-Erik|Sølvi|Per|Ingrid|Pål|Liv Grete|Torbjørn|Turid",
        "Hansen|Ødegård|Åsen|Bjørnstad|Berg-Olsen|Sæther|Nygård|Lie|Vågen|Strømme|Dahl|Grønli|Haugen|Bakken",
    ),
    "SE": Land(
        20,
        "sv",
        "Europe/Stockholm",
        "Malmö|Göteborg|Umeå|Gävle",
        "070-174 06 ##|+46 70 174 06 ##|0701740###",
        "Björn|Åsa|Malin|Göran|Karl-Johan|Frida|Märta|Anna-Karin|Sören|Lars",
        "Lindström|Åkesson|Öberg|Sjögren|Nilsson|von Essen|Hägg|Bergqvist",
    ),
    "DK": Land(
        12,
        "da",
        "Europe/Copenhagen",
        "Århus|København|Ålborg|Ribe",
        "20 12 3# ##|+45 20123###|20123###",
        "Søren|Mette|Jørgen|Anne Sofie|Lærke|Bo|Kirsten|Åge",
        "Jensen|Sørensen|Højgaard|Kjær|Rosenkrantz-Bille|Møller|Bæk",
    ),
    "FI": Land(
        6,
        "fi",
        "Europe/Helsinki",
        "Turku|Åbo|Jyväskylä",
        "040 1234###|+358 40 1234###",
        "Päivi|Jukka|Ville-Veikko|Sini|Tyyne|Hämäri",
        "Mäkinen|Virtanen|Hämäläinen|af Ursin|Järvi",
    ),
    "DE": Land(
        5,
        "de",
        "Europe/Berlin",
        "Köln|Hamburg|Lübeck",
        "0176 04069###|+49 176 04069###",
        "Jörg|Käthe|Hans-Peter|Renée|Uwe",
        "Müller|von der Heide|Schäfer|Groß|Weiß",
    ),
    "NL": Land(
        4,
        "nl",
        "Europe/Amsterdam",
        "Utrecht|Delft",
        "06 12345###|+31 6 12345###",
        "Noë|Jan Willem|Femke|Thérèse|Daan",
        "van der Berg|de Vries|van 't Hof|Bakker",
    ),
    "GB": Land(
        3,
        "en",
        "Europe/London",
        "Leeds|Bath",
        "07400 123###|+44 7400 123###",
        "Zoë|Graham|Mary-Jane|Siobhán",
        "O'Neill|Smith|Fitzwilliam-Hall|Brontë",
    ),
}

WORDS = "Nordlys|Fjell|Havbris|Bølgen|Solsiden|Kvern|Måke|Skogly|Brygga|Ankeret|Torget|Elvebredden|Sæter|Utsikten"
TRADES = "Kafé|Bakeri|Hotell|Rederi|Regnskap|Arkitekter|Skole|Verksted"
TRICKY_NAMES = {
    "quote": ('Kafé "Ekstra" AS', 'Hotell "Utsikten"', 'Bakeriet "Søte Sara"'),
    "comma": ("Hansen, Berg & Co", "Lie, Dahl, Strømme AS", "Øst, Vest & Sønner"),
    "line_break": ("Brygga Kontor\n2. etasje", "Sæter Skole\nv/ Liv Grete"),
}

# Each row gets at most one kind; how many rows of each kind. The docstring says what they are.
REFUSED = {
    "bad_email": 14,
    "bad_country": 14,
    "too_many_columns": 3,
    "too_few_columns": 3,
    "used_external_id": 6,
    "bad_time_zone": 5,
    "bad_mobile": 5,
}
MESSY = {
    "lower_country": 40,
    "blank_country": 24,
    "no_country": 30,
    "same_email": 20,
    "same_email_other_case": 10,
    "no_email": 12,
    "blanks": 25,
    "nbsp": 4,
    "spaced_number": 20,
    "nbsp_number": 4,
    "quote": 12,
    "comma": 12,
    "line_break": 6,
}
NO_MOBILE, NO_COMPANY = 180, 120
BAD = {
    "bad_email": (
        "kari.nordmann|@post.example|ola@|ola@@post.example|per hansen@post.example|liv.@post.example|"
        "åse@post..example|mette@-post.example|jan@post.example;per@post.example|post.example|<bo@post.example>|"
        "frida@post,example|lars(at)post.example|ingen"
    ),
    "bad_country": "Norge|N0|NOR|UK|Sverige|Norway|Danmark|SWE|N O|47|Norge|XN|?|Noreg",
    "bad_time_zone": "Europe/Olso|W. Europe Standard Time|GMT+1|Oslo|Europa/Stockholm",
    "bad_mobile": "n/a|ring Kari|-|ukjent|+999 12 34 56 78",
}


class Maker:
    """Draws people and spoils some of them, always in the same way for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.companies = self._companies()

    def rows(self) -> list[list[str]]:
        """The data rows, without the header."""
        people = [self._person(number) for number in range(ROWS)]
        places = list(range(1, ROWS))  # never the first: every "earlier row" exists
        self.random.shuffle(places)
        blank = places.pop()
        refused = {kind: [places.pop() for _ in range(count)] for kind, count in REFUSED.items()}
        messy = {kind: [places.pop() for _ in range(count)] for kind, count in MESSY.items()}
        plain = [0, *places]

        good = plain + [place for spoilt in messy.values() for place in spoilt]
        for place in self.random.sample(good, NO_MOBILE):
            people[place]["mobile"] = ""
        for place in self.random.sample(plain, NO_COMPANY):
            people[place] |= dict.fromkeys((name for name in COLUMNS if name.startswith("company")), "")
        for kind, spoilt in messy.items():
            for index, place in enumerate(sorted(spoilt)):
                self._mess(kind, index, people[place], people[nearest(plain, place)])
        table = [cells(person) for person in people]
        for kind, spoilt in refused.items():
            for index, place in enumerate(sorted(spoilt)):
                table[place] = self._spoil(kind, index, people[place], people[nearest(plain, place)])
        table[blank] = [" "] * len(COLUMNS)
        return table

    def _companies(self) -> list[Row]:
        made = []
        for word in WORDS.split("|"):
            for trade in self.random.sample(TRADES.split("|"), 5):
                country = self._country()
                town = self.random.choice(LANDS[country].towns.split("|"))
                made.append(self._company(f"{word} {trade} {town}", country))
        return made

    def _company(self, name: str, country: str) -> Row:
        employees = self.random.choice([3, 6, 9, 14, 22, 35, 48, 60, 90, 140, 260, 800])
        category = self.random.choice(["café", "office", "hotel", "reseller"])
        return office(name, str(employees)) | {"company_category": category, "company_country": country}

    def _country(self) -> str:
        return self.random.choices(list(LANDS), [land.weight for land in LANDS.values()])[0]

    def _person(self, number: int) -> Row:
        country = self._country()
        land = LANDS[country]
        first, last = (self.random.choice(names.split("|")) for names in (land.first, land.last))
        company = self.random.choice(self.companies)
        host = (
            ascii_name(company["company"]).replace(".", "-")
            if self.random.random() < 0.6
            else self.random.choice(["post", "epost"])
        )
        mobile = "".join(
            str(self.random.randrange(10)) if sign == "#" else sign
            for sign in self.random.choice(land.mobiles.split("|"))
        )
        return {
            "external_id": f"K-{10001 + number}",
            "first_name": first,
            "last_name": last,
            "email": f"{ascii_name(first)}.{ascii_name(last)}{number}@{host}.example",
            "mobile": mobile,
            "country": country,
            "language": self.random.choice([land.language, land.language, "en", ""]),
            "time_zone": self.random.choice([land.time_zone, land.time_zone, ""]),
            "category": self.random.choice(["customer", "customer", "customer", "prospect", "prospect", "partner"]),
            **company,
            "consent_email": self.random.choice(["granted", "granted", "granted", "", "", "withdrawn"]),
        }

    def _mess(self, kind: str, index: int, person: Row, earlier: Row) -> None:
        """Makes a row ugly that an importer still has to take."""
        match kind:
            case "lower_country":
                person["country"] = person["country"].lower()
            case "blank_country":
                person["country"] = f" {person['country']}" if index % 2 else f"{person['country']}  "
            case "no_country":
                person["country"] = ""
                if person["mobile"]:  # without a country only the international form can be parsed
                    person["mobile"] = f"+47 400 00 {300 + index}"
            case "same_email":
                person["email"] = earlier["email"]
            case "same_email_other_case":
                person["email"] = earlier["email"].upper()
            case "no_email":
                person["email"] = ""
            case "blanks":
                field = ("first_name", "last_name", "email")[index % 3]
                person[field] = f"  {person[field]} "
            case "nbsp":
                person["last_name"] = f"{person['last_name']}\u00a0" if index % 2 else f"Le\u00a0{person['last_name']}"
            case "spaced_number":
                person |= office("Storhavn Gruppen", "1 200")
            case "nbsp_number":
                person |= office("Storhavn Gruppen", "1\u00a0200")
            case _:
                person |= office(TRICKY_NAMES[kind][index % len(TRICKY_NAMES[kind])], "35")

    def _spoil(self, kind: str, index: int, person: Row, earlier: Row) -> list[str]:
        """The cells of a row that an importer has to refuse."""
        match kind:
            case "too_many_columns":
                at = COLUMNS.index("company")
                return [*cells(person)[:at], "Hansen", " Berg & Co", *cells(person)[at + 1 :]]
            case "too_few_columns":
                return cells(person)[: 9 - index]
            case "used_external_id":
                return cells(person | {"external_id": earlier["external_id"]})
            case "bad_country":  # the mobile is not to be a second fault
                person = person | {"mobile": ""}
        return cells(person | {kind.removeprefix("bad_"): BAD[kind].split("|")[index]})


def office(name: str, employees: str) -> Row:
    return {"company": name, "company_category": "office", "company_country": "NO", "company_employees": employees}


def cells(person: Row) -> list[str]:
    return [person[name] for name in COLUMNS]


def nearest(places: list[int], before: int) -> int:
    return max(place for place in places if place < before)


def ascii_name(text: str) -> str:
    """A name as people write it in addresses: `Bjørn van der Berg` becomes `bjorn.van.der.berg`."""
    plain = text.lower().replace("ø", "o").replace("æ", "ae").replace("ß", "ss").replace("'", "")
    letters = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
    return ".".join("".join(sign if sign.isalnum() or sign == "-" else " " for sign in letters).split())


def people_csv() -> str:
    """The whole file: header and rows, comma-separated, UTF-8 without a byte order mark when written."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(Maker(SEED).rows())
    return out.getvalue()


if __name__ == "__main__":
    Path(__file__).with_name("people.csv").write_text(people_csv(), encoding="utf-8", newline="")
