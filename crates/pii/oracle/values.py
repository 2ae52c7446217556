"""Values of every checked type, made and checked with libraries that have nothing to do with the engine.

python-stdnum says what is valid; where it has no module for a number, the rule is written out here from
its public description. `Type.make` gives a valid value, `Type.broken` one whose check fails.
"""

import random
import string
from importlib import import_module

DIGITS = string.digits
LETTERS = string.ascii_uppercase


def stdnum(name):
    return import_module("stdnum." + name).is_valid


def fill(mask, rng):
    """A random text: 9 a digit, A a letter, * either; everything else stands for itself."""
    pick = {"9": DIGITS, "A": LETTERS, "*": DIGITS + LETTERS}
    return "".join(rng.choice(pick[c]) if c in pick else c for c in mask)


def birth(rng, first=1930, last=2004):
    return rng.randint(first, last), rng.randint(1, 12), rng.randint(1, 28)


def ymd(rng):
    year, month, day = birth(rng)
    return f"{year % 100:02}{month:02}{day:02}"


def dmy(rng):
    year, month, day = birth(rng)
    return f"{day:02}{month:02}{year % 100:02}"


def search(make, valid, rng, tries=200_000):
    for _ in range(tries):
        value = make(rng)
        if valid(value):
            return value
    raise RuntimeError("nothing valid found")


def luhn(text):
    total = 0
    for place, digit in enumerate(reversed(text)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def weighted(text, weights):
    return sum(int(d) * w for d, w in zip(text, weights))


# Rules that python-stdnum has no module for.


def valid_utr(v):
    return "21987654321"[weighted(v[1:], [6, 7, 8, 9, 10, 5, 4, 3, 2]) % 11] == v[0]


def valid_uk_nino(v):
    return (
        v[0] not in "DFIQUV" and v[1] not in "DFIQUVO" and v[8] in "ABCD"
        and v[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")
    )


def valid_npi(v):
    return v[0] in "12" and luhn("80840" + v)


def valid_dea(v):
    d = [int(c) for c in v[2:]]
    return v[0] in "ABCDEFGHJKLMPRSTUX" and (d[0] + d[2] + d[4] + 2 * (d[1] + d[3] + d[5])) % 10 == d[6]


def valid_mbi(v):
    return v[0] != "0" and not set(v) & set("SLOIBZ")


def valid_ssn(v):
    return v[:3] not in ("000", "666") and v[0] != "9" and v[3:5] != "00" and v[5:] != "0000"


def valid_itin(v):
    middle = int(v[3:5])
    return v[0] == "9" and (50 <= middle <= 65 or 70 <= middle <= 88 or 90 <= middle <= 92 or 94 <= middle <= 99)


def valid_ein(v):
    return int(v[:2]) not in (0, 7, 8, 9, 17, 18, 19, 28, 29, 49, 69, 70, 78, 79, 89, 96, 97)


def valid_de_svnr(v):
    letter = f"{ord(v[8]) - 64:02}"
    digits = v[:8] + letter + v[9:11]
    products = [int(d) * w for d, w in zip(digits, [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1])]
    return sum(p // 10 + p % 10 for p in products) % 10 == int(v[11])


def de_document(v):
    total = sum(int(c, 36) * w for c, w in zip(v[:9], [7, 3, 1] * 3))
    return total % 10 == int(v[9])


def valid_kvnr(v):
    digits = f"{ord(v[0]) - 64:02}" + v[1:9]
    products = [int(d) * w for d, w in zip(digits, [1, 2] * 5)]
    return sum(p // 10 + p % 10 for p in products) % 10 == int(v[9])


def valid_lu(v):
    return luhn(v[:12]) and stdnum("verhoeff")(v[:11] + v[12])


def valid_taj(v):
    return weighted(v[:8], [3, 7] * 4) % 10 == int(v[8])


def valid_hu_tax(v):
    return v[0] == "8" and weighted(v[:9], range(1, 10)) % 11 == int(v[9])


def valid_ua(v):
    return weighted(v[:9], [-1, 5, 7, 9, 4, 6, 10, 5, 7]) % 11 % 10 == int(v[9])


def valid_curp(v):
    alphabet = "0123456789ABCDEFGHIJKLMN\u00d1OPQRSTUVWXYZ"
    total = sum(alphabet.index(c) * w for c, w in zip(v[:17], range(18, 1, -1)))
    return (10 - total % 10) % 10 == int(v[17])


def valid_hkid(v):
    body = v[:-1]
    total = 36 * 9 if len(body) == 7 else 0
    total += sum(int(c, 36) * w for c, w in zip(reversed(body), range(2, 10)))
    check = (11 - total % 11) % 11
    return v[-1] == ("A" if check == 10 else str(check))


def valid_tw(v):
    order = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(v[0]) + 10
    total = order // 10 + order % 10 * 9 + weighted(v[1:], [8, 7, 6, 5, 4, 3, 2, 1, 1])
    return v[1] in "12" and total % 10 == 0


def valid_sg(v):
    offset = {"T": 4, "G": 4, "M": 3}.get(v[0], 0)
    total = (weighted(v[1:8], [2, 7, 6, 5, 4, 3, 2]) + offset) % 11
    if v[0] in "ST":
        return v[8] == "JZIHGFEDCBA"[total]
    if v[0] in "FG":
        return v[8] == "XWUTRQPNMLK"[total]
    return v[8] == "KLJNPQRTUWX"[10 - total]


def valid_my_number(v):
    rest = weighted(v[:11], [6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11
    return (0 if rest < 2 else 11 - rest) == int(v[11])


def valid_vin(v):
    values = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9]))
    values.update({d: int(d) for d in DIGITS})
    if set(v) & set("IOQ"):
        return False
    total = sum(values[c] * w for c, w in zip(v, [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2]))
    return "0123456789X"[total % 11] == v[8]


def valid_rrn(v):
    total = weighted(v[:12], [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5])
    return (11 - total % 11) % 10 == int(v[12])


def full_birth(rng):
    year, month, day = birth(rng)
    return f"{year}{month:02}{day:02}"


class Type:
    """How to make the compact value of a type and how people write it."""

    def __init__(self, name, make, valid, formats, labels, alone=None, checked=True, bad=None):
        self.name, self._make, self.valid = name, make, valid
        # How a compact value is written, most usual first: masks with # for its characters.
        self.formats = formats
        # What people call it, by language.
        self.labels = labels
        # The formats that are unmistakable without a label.
        self.alone = alone or []
        self.checked = checked
        # How to make an invalid value, where changing one character seldom makes one.
        self._bad = bad

    def make(self, rng):
        return search(self._make, self.valid, rng)

    def broken(self, rng):
        """A value of the same form that is not valid: one character is changed."""
        if self._bad:
            return search(self._bad, lambda value: not self.valid(value), rng)
        for _ in range(10_000):
            value = list(self.make(rng))
            places = [i for i, c in enumerate(value) if c.isalnum()]
            place = rng.choice(places)
            pool = DIGITS if value[place].isdigit() else LETTERS
            value[place] = rng.choice([c for c in pool if c != value[place]])
            value = "".join(value)
            if not self.valid(value):
                return value
        raise RuntimeError(self.name)

    def write(self, value, mask):
        """The value as `mask` groups it, or, where it has another length, as another format does."""
        if mask.count("#") != len(value):
            fitting = [it for it in self.formats if it.count("#") == len(value)]
            mask = fitting[0] if fitting else "#" * len(value)
        characters = iter(value)
        return "".join(next(characters) if c == "#" else c for c in mask)


def grouped(*lengths, sep="-"):
    return sep.join("#" * n for n in lengths)


def t(name, mask, valid, formats, labels, alone=(), **more):
    make = mask if callable(mask) else (lambda rng, m=mask: fill(m, rng))
    return Type(name, make, valid, formats, labels, list(alone), **more)


def with_birth(head, tail, order=ymd):
    return lambda rng: fill(head, rng) + order(rng) + fill(tail, rng)


def card(rng):
    head, length = rng.choice([("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("34", 15), ("37", 15), ("6011", 16), ("36", 14), ("3530", 16)])
    return head + fill("9" * (length - len(head)), rng)


def vin(rng):
    alphabet = "ABCDEFGHJKLMNPRSTUVWXYZ" + DIGITS
    head = "".join(rng.choice(alphabet) for _ in range(11))
    return rng.choice(["1", "2", "4", "5", "3"]) + head[1:11] + rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ") + fill("99999", rng)


def licence(rng):
    year, month, day = birth(rng)
    month += rng.choice([0, 50])
    surname = fill("A" * rng.randint(3, 5), rng).ljust(5, "9")
    return f"{surname}{year // 10 % 10}{month:02}{day:02}{year % 10}{fill('AA', rng)}9{fill('AA', rng)}"


def de_doc(first):
    charset = "CFGHJKLMNPRTVWXYZ" + DIGITS
    return lambda rng: rng.choice(first) + "".join(rng.choice(charset) for _ in range(8)) + rng.choice(DIGITS)


def nir(rng):
    year, month, _ = birth(rng)
    return f"{rng.choice('12')}{year % 100:02}{month:02}{rng.randint(1, 95):02}{fill('999999', rng)}{rng.randint(1, 97):02}"


TYPES = [
    t("CREDIT_CARD", card, luhn, ["#" * 16, "#### #### #### ####", "####-####-####-####", "#### ###### #####", "#### ###### ####"],
      {"en": ["card number", "credit card", "Visa"], "de": ["Kreditkartennummer"], "fr": ["num\u00e9ro de carte"], "es": ["n\u00famero de tarjeta"], "nl": ["creditcardnummer"], "pt": ["n\u00famero do cart\u00e3o"], "it": ["numero della carta"]},
      ["#### #### #### ####", "####-####-####-####"]),
    t("US_SSN", "999999999", valid_ssn, ["###-##-####", "### ## ####", "#########"],
      {"en": ["SSN", "social security number", "Social"], "es": ["n\u00famero de seguro social"]}, ["###-##-####"],
      bad=lambda r: r.choice(["000", "666"]) + fill("999999", r) if r.random() < 0.5 else fill("999", r) + r.choice(["00" + fill("9999", r), fill("99", r) + "0000"])),
    t("US_ITIN", "9**999999".replace("*", "9"), valid_itin, ["###-##-####", "#########"], {"en": ["ITIN", "individual taxpayer identification number"]},
      bad=lambda r: "9" + fill("99", r) + r.choice(["10", "47", "66", "89", "93"]) + fill("9999", r)),
    t("US_EIN", "999999999", valid_ein, ["##-#######"], {"en": ["EIN", "employer identification number", "FEIN", "federal tax ID"]}, checked=False),
    t("US_NPI", "1999999999", valid_npi, ["#" * 10], {"en": ["NPI", "NPI number", "national provider identifier"]}),
    t("US_DEA", "AA9999999", valid_dea, ["#" * 9], {"en": ["DEA", "DEA number"]}, ["#" * 9]),
    t("US_MBI", "9A*9A*9AA99", valid_mbi, ["####-###-####", "#" * 11], {"en": ["MBI", "Medicare beneficiary identifier", "Medicare number"]}, ["####-###-####"],
      bad=lambda r: "1" + r.choice("SLOIBZ") + fill("*9A*9AA99", r)),
    t("US_BANK_ROUTING", lambda r: r.choice(["02", "03", "11", "12", "26", "31"]) + fill("9999999", r), stdnum("us.rtn"), ["#" * 9], {"en": ["routing number", "ABA", "routing"]}),
    t("UK_NHS", "9999999999", stdnum("gb.nhs"), ["### ### ####", "##########"], {"en": ["NHS number", "NHS no"]}),
    t("UK_NINO", "AA999999A", valid_uk_nino, ["## ## ## ## #", "#########"], {"en": ["NI number", "National Insurance number", "NINO"]}, ["## ## ## ## #", "#########"],
      bad=lambda r: r.choice(["BG", "GB", "NK", "TN", "ZZ", "DA", "QQ", "AO"]) + fill("999999", r) + r.choice("ABCD")),
    t("UK_UTR", "9999999999", valid_utr, ["##########", "##### #####"], {"en": ["UTR", "unique taxpayer reference"]}),
    t("UK_DRIVING_LICENCE", licence, lambda v: True, ["#" * 16, "##### ###### #####"], {"en": ["driving licence", "driving licence number"]}, ["#" * 16], checked=False),
    t("DE_TAX_ID", "99999999999", stdnum("de.idnr"), ["## ### ### ###", "###########"], {"de": ["Steuer-ID", "Steueridentifikationsnummer", "IdNr."], "en": ["tax ID"]}, ["## ### ### ###"]),
    t("DE_SOCIAL_SECURITY", lambda r: fill("99", r) + dmy(r) + fill("A999", r), valid_de_svnr, ["## ###### # ###", "############"], {"de": ["Sozialversicherungsnummer", "Rentenversicherungsnummer", "SV-Nummer"]}, ["## ###### # ###"]),
    t("DE_ID_CARD", de_doc("LMNPRT"), de_document, ["##########"], {"de": ["Personalausweisnummer", "Personalausweis", "Ausweisnummer"]}),
    t("DE_PASSPORT", de_doc("CFGHJK"), de_document, ["##########"], {"de": ["Reisepassnummer", "Reisepass", "Passnummer"]}),
    t("DE_KVNR", "A999999999", valid_kvnr, ["##########"], {"de": ["Krankenversichertennummer", "Versichertennummer", "KVNR"]}),
    t("FR_NIR", nir, stdnum("fr.nir"), ["# ## ## ## ### ### ##", "###############"], {"fr": ["num\u00e9ro de s\u00e9curit\u00e9 sociale", "NIR", "n\u00b0 de s\u00e9cu"]}, ["# ## ## ## ### ### ##", "###############"]),
    t("FR_SIREN", "999999999", luhn, ["### ### ###", "#########"], {"fr": ["SIREN", "num\u00e9ro SIREN"]}),
    t("FR_SIRET", "99999999999999", luhn, ["### ### ### #####", "##############"], {"fr": ["SIRET", "num\u00e9ro SIRET"]}, ["### ### ### #####"]),
    t("ES_DNI", "99999999A", stdnum("es.dni"), ["#########", "########-#", "##.###.###-#"], {"es": ["DNI", "NIF", "documento nacional de identidad"], "en": ["DNI"]}, ["#########", "########-#"]),
    t("ES_NIE", lambda r: r.choice("XYZ") + fill("9999999A", r), stdnum("es.nie"), ["#########", "#-#######-#"], {"es": ["NIE", "n\u00famero de identidad de extranjero"]}, ["#########", "#-#######-#"]),
    t("ES_CIF", lambda r: r.choice("ABGHJ") + fill("99999999", r), stdnum("es.cif"), ["#########", "#-########"], {"es": ["CIF", "NIF de la empresa"]}),
    t("IT_FISCAL_CODE", lambda r: fill("AAAAAA99", r) + r.choice("ABCDEHLMPRST") + f"{r.randint(1, 28) + r.choice([0, 40]):02}" + fill("A999A", r), stdnum("it.codicefiscale"), ["################", "### ### ##### #####"], {"it": ["codice fiscale", "C.F."], "en": ["Italian fiscal code"]}, ["################"]),
    t("IT_VAT", "99999999999", stdnum("it.iva"), ["###########", "IT###########"], {"it": ["partita IVA", "P. IVA"]}, ["IT###########"]),
    t("NL_BSN", "999999999", stdnum("nl.bsn"), ["#########", "####.##.###"], {"nl": ["BSN", "burgerservicenummer"], "en": ["BSN"]}),
    t("BE_NATIONAL", lambda r: ymd(r) + fill("99999", r), stdnum("be.nn"), ["##.##.##-###.##", "###########"], {"nl": ["rijksregisternummer"], "fr": ["num\u00e9ro national", "registre national"]}, ["##.##.##-###.##"]),
    t("AT_SVNR", lambda r: fill("9999", r) + dmy(r), stdnum("at.vnr"), ["#### ######", "##########"], {"de": ["Sozialversicherungsnummer", "SVNR", "Versicherungsnummer"]}),
    t("CH_AHV", "7569999999999", stdnum("ch.ssn"), ["###.####.####.##", "#############"], {"de": ["AHV-Nummer", "AHV-Nr."], "fr": ["num\u00e9ro AVS"]}, ["###.####.####.##"]),
    t("PT_NIF", lambda r: r.choice("123") + fill("99999999", r), stdnum("pt.nif"), ["#########", "### ### ###"], {"pt": ["NIF", "n\u00famero de contribuinte", "contribuinte"]}),
    t("IE_PPS", lambda r: fill("9999999A", r) + r.choice("ABH"), stdnum("ie.pps"), ["#########"], {"en": ["PPS number", "PPSN"]}),
    t("LU_NIN", lambda r: full_birth(r) + fill("99999", r), valid_lu, ["#############"], {"fr": ["matricule", "num\u00e9ro d'identification national"]}, ["#############"]),
    t("GR_AFM", "999999999", stdnum("gr.vat"), ["#########"], {"el": ["\u0391\u03a6\u039c"], "en": ["AFM"]}),
    t("PL_PESEL", lambda r: ymd(r) + fill("99999", r), stdnum("pl.pesel"), ["###########"], {"pl": ["PESEL", "numer PESEL"], "en": ["PESEL"]}),
    t("PL_NIP", "9999999999", stdnum("pl.nip"), ["###-###-##-##", "##########"], {"pl": ["NIP", "numer NIP"]}, ["###-###-##-##"]),
    t("PL_REGON", "999999999", stdnum("pl.regon"), ["#########"], {"pl": ["REGON", "numer REGON"]}),
    t("SE_PERSONNUMMER", lambda r: ymd(r) + fill("9999", r), luhn, ["######-####", "##########"], {"sv": ["personnummer", "personnr"], "en": ["Swedish personal number"]}, ["######-####"]),
    t("NO_FNR", lambda r: dmy(r) + fill("99999", r), stdnum("no.fodselsnummer"), ["###### #####", "###########"], {"no": ["f\u00f8dselsnummer", "personnummer"]}, ["###### #####"]),
    t("DK_CPR", lambda r: dmy(r) + fill("9999", r), lambda v: True, ["######-####"], {"da": ["CPR-nummer", "CPR-nr."]}, checked=False),
    t("FI_HETU", lambda r: dmy(r) + "-" + fill("999*", r), stdnum("fi.hetu"), ["###########"], {"fi": ["henkil\u00f6tunnus", "hetu"]}, ["###########"]),
    t("CZ_RC", lambda r: ymd(r) + fill("9999", r), stdnum("cz.rc"), ["######/####"], {"cs": ["rodn\u00e9 \u010d\u00edslo", "r\u010d"]}, ["######/####"]),
    t("SK_RC", lambda r: ymd(r) + fill("9999", r), stdnum("sk.rc"), ["######/####"], {"sk": ["slovensk\u00e9 rodn\u00e9 \u010d\u00edslo"], "en": ["Slovak birth number"]}),
    t("RO_CNP", with_birth("1", "999999"), stdnum("ro.cnp"), ["#############"], {"ro": ["CNP", "cod numeric personal"]}),
    t("BG_EGN", lambda r: ymd(r) + fill("9999", r), stdnum("bg.egn"), ["##########"], {"bg": ["\u0415\u0413\u041d"], "en": ["EGN"]}),
    t("HR_OIB", "99999999999", stdnum("hr.oib"), ["###########"], {"hr": ["OIB"], "en": ["OIB"]}),
    t("HU_TAJ", "999999999", valid_taj, ["### ### ###", "#########"], {"hu": ["TAJ sz\u00e1m", "TAJ"]}),
    t("HU_TAX_ID", "8999999999", valid_hu_tax, ["##########"], {"hu": ["ad\u00f3azonos\u00edt\u00f3 jel"]}),
    t("EE_ID", with_birth("3", "9999"), stdnum("ee.ik"), ["###########"], {"et": ["isikukood"]}),
    t("LT_ID", with_birth("4", "9999"), stdnum("lt.asmens"), ["###########"], {"lt": ["asmens kodas"]}),
    t("SI_EMSO", lambda r: "{2:02}{1:02}{0:03}".format(r.randint(930, 999), r.randint(1, 12), r.randint(1, 28)) + "50" + fill("9999", r), stdnum("si.emso"), ["#############"], {"sl": ["EM\u0160O"]}),
    t("TR_TCKN", "99999999999", stdnum("tr.tckimlik"), ["###########"], {"tr": ["TC Kimlik No", "T.C. kimlik no"]}),
    t("IL_ID", "999999999", stdnum("il.idnr"), ["#########"], {"en": ["Israeli ID", "Teudat Zehut"], "he": ["\u05ea\u05e2\u05d5\u05d3\u05ea \u05d6\u05d4\u05d5\u05ea"]}),
    t("RU_INN", "999999999999", stdnum("ru.inn"), ["############"], {"ru": ["\u0418\u041d\u041d"], "en": ["INN"]}),
    t("UA_RNOKPP", "9999999999", valid_ua, ["##########"], {"uk": ["\u0420\u041d\u041e\u041a\u041f\u041f", "\u0406\u041f\u041d"]}),
    t("BR_CPF", "99999999999", stdnum("br.cpf"), ["###.###.###-##", "###########"], {"pt": ["CPF", "CPF do titular"]}, ["###.###.###-##"]),
    t("BR_CNPJ", "99999999999999", stdnum("br.cnpj"), ["##.###.###/####-##", "##############"], {"pt": ["CNPJ", "CNPJ da empresa"]}, ["##.###.###/####-##"]),
    t("MX_CURP", lambda r: fill("AAAA", r) + ymd(r) + r.choice("HM") + r.choice(["DF", "JC", "NL", "VZ"]) + "".join(r.choice("BCDFGHJKLMNPQRSTVWXYZ") for _ in range(3)) + fill("99", r), valid_curp, ["##################"], {"es": ["CURP"]}, ["##################"]),
    t("MX_RFC", lambda r: r.choice(["GODE", "PELJ", "MARC", "LOHA"]) + ymd(r) + fill("***", r), lambda v: stdnum("mx.rfc")(v, validate_check_digits=True), ["#############"], {"es": ["RFC"]}, ["#############"]),
    t("AR_CUIT", lambda r: r.choice(["20", "27", "30"]) + fill("999999999", r), stdnum("ar.cuit"), ["##-########-#", "###########"], {"es": ["CUIT", "CUIL"]}, ["##-########-#"]),
    t("CL_RUT", lambda r: str(r.randint(5, 25)) .rjust(2, "1") + fill("999999", r) + r.choice(DIGITS + "K"), stdnum("cl.rut"), ["##.###.###-#", "########-#"], {"es": ["RUT", "RUN"]}, ["##.###.###-#"]),
    t("CO_NIT", "9999999999", stdnum("co.nit"), ["###.###.###-#", "#########-#"], {"es": ["NIT"]}, ["###.###.###-#"]),
    t("CA_SIN", lambda r: r.choice("1234567") + fill("99999999", r), luhn, ["### ### ###", "###-###-###", "#########"], {"en": ["SIN", "social insurance number"], "fr": ["num\u00e9ro d'assurance sociale"]}),
    t("IN_AADHAAR", lambda r: r.choice("23456789") + fill("9" * 11, r), stdnum("in_.aadhaar"), ["#### #### ####", "############"], {"en": ["Aadhaar", "Aadhaar number"]}),
    t("IN_PAN", lambda r: fill("AAA", r) + r.choice("PCH") + fill("A9999A", r), stdnum("in_.pan"), ["##########"], {"en": ["PAN", "PAN number"]}, ["##########"], checked=False),
    t("IN_GSTIN", lambda r: f"{r.randint(1, 37):02}" + fill("AAA", r) + "P" + fill("A9999A", r) + "1Z" + fill("*", r), stdnum("in_.gstin"), ["###############"], {"en": ["GSTIN", "GST number"]}, ["###############"]),
    t("AU_TFN", "999999999", stdnum("au.tfn"), ["### ### ###", "#########"], {"en": ["TFN", "tax file number"]}),
    t("AU_ABN", "99999999999", stdnum("au.abn"), ["## ### ### ###", "###########"], {"en": ["ABN", "Australian business number"]}, ["## ### ### ###"]),
    t("AU_ACN", "999999999", stdnum("au.acn"), ["### ### ###"], {"en": ["ACN"]}),
    t("AU_MEDICARE", lambda r: r.choice("23456") + fill("99999999", r) + r.choice("12345"), lambda v: weighted(v[:8], [1, 3, 7, 9, 1, 3, 7, 9]) % 10 == int(v[8]), ["#### ##### #", "##########"], {"en": ["Medicare card", "Medicare number"]}),
    t("NZ_IRD", lambda r: str(r.randint(10_000_000, 149_999_999)), stdnum("nz.ird"), ["###-###-###", "##-###-###"], {"en": ["IRD number", "IRD"]}),
    t("SG_NRIC", lambda r: r.choice("ST") + fill("9999999A", r), valid_sg, ["#########"], {"en": ["NRIC", "NRIC no."]}, ["#########"]),
    t("SG_FIN", lambda r: r.choice("FGM") + fill("9999999A", r), valid_sg, ["#########"], {"en": ["FIN", "FIN number"]}, ["#########"]),
    t("KR_RRN", lambda r: ymd(r) + r.choice("12") + fill("999999", r), valid_rrn, ["######-#######"], {"ko": ["\uc8fc\ubbfc\ub4f1\ub85d\ubc88\ud638"], "en": ["resident registration number"]}, ["######-#######"], checked=False),
    t("JP_MY_NUMBER", "999999999999", valid_my_number, ["############", "#### #### ####"], {"ja": ["\u30de\u30a4\u30ca\u30f3\u30d0\u30fc", "\u500b\u4eba\u756a\u53f7"], "en": ["My Number"]}),
    t("CN_RESIDENT_ID", lambda r: r.choice(["110105", "310104", "440305"]) + full_birth(r) + fill("999", r) + r.choice(DIGITS + "X"), stdnum("cn.ric"), ["##################"], {"zh": ["\u8eab\u4efd\u8bc1\u53f7\u7801", "\u8eab\u4efd\u8bc1\u53f7"], "en": ["Chinese ID number"]}, ["##################"]),
    t("HK_ID", lambda r: fill("A999999", r) + r.choice(DIGITS + "A"), valid_hkid, ["#######(#)"], {"en": ["HKID", "Hong Kong identity card"]}, ["#######(#)"]),
    t("TW_ID", lambda r: r.choice("ABEFHT") + r.choice("12") + fill("99999999", r), valid_tw, ["##########"], {"zh": ["\u8eab\u5206\u8b49\u5b57\u865f"], "en": ["Taiwan ID"]}),
    t("TH_ID", "1999999999999", stdnum("th.pin"), ["#-####-#####-##-#", "#############"], {"th": ["\u0e40\u0e25\u0e02\u0e1b\u0e23\u0e30\u0e08\u0e33\u0e15\u0e31\u0e27\u0e1b\u0e23\u0e30\u0e0a\u0e32\u0e0a\u0e19"], "en": ["Thai ID"]}, ["#-####-#####-##-#"]),
    t("MY_NRIC", lambda r: ymd(r) + r.choice(["01", "10", "14", "07"]) + fill("9999", r), stdnum("my.nric"), ["######-##-####"], {"en": ["MyKad", "IC number"], "ms": ["No. KP"]}, ["######-##-####"], checked=False),
    t("ID_NIK", lambda r: r.choice(["317101", "327301", "357801"]) + dmy(r) + fill("9999", r), lambda v: v[12:] != "0000", ["################"], {"id": ["NIK", "No. KTP"]}, checked=False),
    t("ZA_ID", lambda r: ymd(r) + fill("9999", r) + r.choice("01") + "8" + fill("9", r), stdnum("za.idnr"), ["#############", "###### #### ###"], {"en": ["South African ID", "SA ID number"]}),
    t("NG_NIN", "99999999999", stdnum("verhoeff"), ["###########"], {"en": ["NIN", "Nigerian NIN"]}),
    t("VIN", vin, valid_vin, ["#################"], {"en": ["VIN", "chassis number"], "de": ["Fahrgestellnummer"]}, ["#################"]),
    t("IMEI", "35" + "9" * 13, luhn, ["###############", "##-######-######-#"], {"en": ["IMEI", "IMEI number"]}, ["##-######-######-#"]),
    t("ICCID", lambda r: "89" + fill("9" * 17, r), luhn, ["###################"], {"en": ["ICCID", "SIM card number"]}),
]
