"""Writes ../fixtures/<type>.jsonl for the types that have no number with a check digit: texts written by
hand, with the value between the marks « and »; and values made where a form is strict. Deterministic.
"""

import base64
import hashlib
import json
import pathlib
import random
import string
import zlib

import phonenumbers
from stdnum import iban

FOLDER = pathlib.Path(__file__).parent.parent / "fixtures"
RNG = random.Random("written")
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def draw(alphabet, length):
    return "".join(RNG.choice(alphabet) for _ in range(length))


def hexadecimal(length):
    return draw("0123456789abcdef", length)


def base58check(version, alphabet=BASE58):
    payload = bytes([version]) + RNG.randbytes(20)
    payload += hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    number, text = int.from_bytes(payload, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        text = alphabet[rest] + text
    return alphabet[0] * (len(payload) - len(payload.lstrip(b"\0"))) + text


def bech32(prefix, version, length=20):
    charset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

    def polymod(values):
        sum_ = 1
        for value in values:
            top, sum_ = sum_ >> 25, (sum_ & 0x1FFFFFF) << 5 ^ value
            for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
                sum_ ^= generator if top >> bit & 1 else 0
        return sum_

    bits = "".join(f"{byte:08b}" for byte in RNG.randbytes(length))
    bits += "0" * (-len(bits) % 5)
    data = [version] + [int(bits[i : i + 5], 2) for i in range(0, len(bits), 5)]
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    check = polymod(expanded + data + [0] * 6) ^ (1 if version == 0 else 0x2BC830A3)
    data += [check >> 5 * (5 - i) & 31 for i in range(6)]
    return prefix + "1" + "".join(charset[value] for value in data)


def github():
    body = draw(BASE62, 30)
    sum_, tail = zlib.crc32(body.encode()), ""
    for _ in range(6):
        sum_, rest = divmod(sum_, 62)
        tail = BASE62[rest] + tail
    return "ghp_" + body + tail


def account(country, bban):
    for check in range(2, 99):
        value = f"{country}{check:02}{bban}"
        if iban.is_valid(value, check_country=False):
            return value
    raise RuntimeError(value)


def jwt(header):
    part = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    body = part(json.dumps({"sub": "42", "name": "J"}).encode())
    return f"{part(json.dumps(header).encode())}.{body}.{draw(BASE62, 43)}"


def pem(kind, lines=3):
    body = "\n".join(draw(BASE62 + "+/", 64) for _ in range(lines))
    return f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----"


def mrz():
    def check(text):
        value = lambda c: 0 if c == "<" else int(c, 36)
        return str(sum(value(c) * w for c, w in zip(text, [7, 3, 1] * 15)) % 10)

    number, born, expires = draw(string.digits + "XKL", 9), "740812", "270415"
    first = "P<UTOERIKSSON<<ANNA<MARIA".ljust(44, "<")
    second = number + check(number) + "UTO" + born + check(born) + "F" + expires + check(expires) + "<" * 14 + "0"
    total = check(second[:10] + second[13:20] + second[21:43])
    return f"{first}\n{second}{total}"


def phones():
    """A number of each of many regions, as people there write it, and internationally."""
    call = {
        "US": "Call me at {}.", "GB": "My mobile is {}.", "DE": "Meine Telefonnummer ist {}.", "FR": "Appelez-moi au {}.",
        "ES": "Mi tel\u00e9fono es el {}.", "NL": "Mijn telefoonnummer is {}.", "PT": "O meu telem\u00f3vel \u00e9 {}.", "IT": "Il mio cellulare \u00e8 {}.",
        "BR": "Meu celular: {}", "CH": "Telefon: {}", "AT": "Handy: {}", "BE": "GSM: {}", "AU": "Phone: {}", "IN": "Mobile no. {}", "PL": "Telefon: {}", "JP": "\u96fb\u8a71 {}", "MX": "Celular: {}",
    }
    for region, sentence in call.items():
        number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        for form in (phonenumbers.PhoneNumberFormat.NATIONAL, phonenumbers.PhoneNumberFormat.INTERNATIONAL):
            yield sentence.format("\u00ab" + phonenumbers.format_number(number, form) + "\u00bb")
    for region in ("US", "GB", "DE", "FR", "SE", "KR", "ZA"):
        number = phonenumbers.example_number(region)
        yield "\u00ab" + phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) + "\u00bb"


IBANS = [account("GB", "NWBK60161331926819"), account("DE", "370400440532013000"), account("FR", "20041010050500013M02606"), account("ES", "21000418450200051332"), account("NL", "ABNA0417164300"), account("IT", "X0542811101000000123456"), account("BE", "539007547034"), account("CH", "00762011623852957"), account("PT", "000201231234567890154"), account("NO", "86011117947"), account("PL", "109010140000071219812874"), account("AT", "1904300234573201")]
FOURS = lambda text: " ".join(text[i : i + 4] for i in range(0, len(text), 4))
AWS = ["AKIA" + draw("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 15) + "7" for _ in range(12)]
SECRET = lambda: "aB3/" + draw(BASE62 + "+/", 36)
MRZ = [mrz() for _ in range(12)]
JWTS = [jwt({"alg": "HS256", "typ": "JWT"}) for _ in range(8)] + [jwt({"typ": "JWT", "alg": "RS256", "kid": "k1"}) for _ in range(5)]

WRITTEN = {}


def fixture(name, hits, misses):
    WRITTEN[name] = (list(hits), list(misses))


fixture(
    "EMAIL",
    [
        "write to \u00abjane.doe@example.com\u00bb today", "E-Mail: \u00abjan.m\u00fcller+shop@firma.de\u00bb", "\u00abo'brien_99@mail.example.co.uk\u00bb", "<a href=\"mailto:\u00abinfo@example.org\u00bb\">",
        "reach \u00abjane [at] example [dot] com\u00bb please", "\u00abjane(at)example(dot)com\u00bb", "mail \u00abjane at example dot com\u00bb", "\u00abjane%40example.com\u00bb", "\u00abjane&#64;example.com\u00bb",
        "\u00abj a n e @ e x a m p l e . c o m\u00bb", "\u00abjane\uff20example\uff0ecom\u00bb", "\u00abja\u200bne@example.com\u00bb", "{\"email\":\"\u00abx.y@z-corp.io\u00bb\"}", "(\u00abJANE@EXAMPLE.COM\u00bb)", "is it \u00abjane @ gmail.com\u00bb?", "\\n\u00abjane@example.com\u00bb",
        "adresse : \u00abjean.dupont@laposte.fr\u00bb.", "\u00abjane_at_example_dot_com\u00bb",
    ],
    [
        "\u00abgit@github.com\u00bb:owner/repo.git", "\u00ablodash@4.17.21\u00bb", "@\u00abtypes/node\u00bb", "meet \u00abme @ noon\u00bb", "\u00abicon@2x.png\u00bb", "use \u00abactions/checkout@v4\u00bb", "@app.route(\u00ab'/users'\u00bb)", "user \u00abfoo@localhost\u00bb",
        "look \u00abat example.com\u00bb", "a \u00abdot product\u00bb of two vectors", "he is \u00abat home dot\u00bb", "https://\u00abuser@host.example.com\u00bb/path", "\u00aba@b\u00bb", "sed 's/\u00abx@y/z\u00bb/'", "price @ \u00ab5 each\u00bb",
    ],
)
fixture(
    "PHONE",
    [*phones(), "(\u00ab415) 555-0132\u00bb".replace("(\u00ab", "\u00ab("), "\u00ab415.555.0132\u00bb", "\u00ab1-800-555-0199\u00bb", "tel \u00ab555-0132\u00bb", "\u00ab+44 (0)20 7946 0958\u00bb", "\u00ab0049 171 1234567\u00bb", "call \u00ab415 555 0132 ext. 12\u00bb", "phone: \u00ab4 1 5 5 5 5 0 1 3 2\u00bb", "\u00ab\uff14\uff11\uff15\uff0d\uff15\uff15\uff15\uff0d\uff10\uff11\uff13\uff12\u00bb", "{\"phoneNumber\": \"\u00ab4155550132\u00bb\"}"],
    [
        "order \u00ab4155550132\u00bb", "version \u00ab10.20.3040\u00bb", "id \u00ab550e8400-e29b-41d4-a716-446655440000\u00bb", "on \u00ab2024-01-15\u00bb", "\u00ab2024-01-15 10:30:00\u00bb", "pi is \u00ab3.1415926535\u00bb", "between \u00ab1990-2000\u00bb", "0x\u00ab4155550132\u00bb", "total \u00ab1,234,567,890\u00bb", "192.168.\u00ab100.200\u00bb",
        "ISBN \u00ab978-3-16-148410-0\u00bb", "epoch \u00ab1700000000\u00bb", "row \u00ab1234567\u00bb", "see RFC \u00ab2119 8174\u00bb", "a\u00ab4155550132\u00bbb", "score \u00ab3-2\u00bb", "$\u00ab4155550132\u00bb",
    ],
)
fixture(
    "CARD_CVV",
    ["cvv \u00ab123\u00bb", "CVV: \u00ab9876\u00bb", "the security code cvc is \u00ab321\u00bb", "{\"cvv\": \"\u00ab456\u00bb\"}", "CVC2 = \u00ab777\u00bb", "Kartenpr\u00fcfnummer: \u00ab042\u00bb", "cryptogramme : \u00ab555\u00bb", "c\u00f3digo de seguridad \u00ab812\u00bb", "CSC \u00ab118\u00bb", "card 4111 1111 1111 1111 exp 09/27 cvv \u00ab123\u00bb", "codice di sicurezza: \u00ab909\u00bb", "beveiligingscode \u00ab331\u00bb", "cvv2=\u00ab654\u00bb"],
    ["cvv \u00ab12\u00bb", "cvv \u00ab12345\u00bb", "page \u00ab123\u00bb", "room \u00ab404\u00bb", "HTTP \u00ab200\u00bb", "cvv: \u00ab12a\u00bb", "in \u00ab1999\u00bb", "line \u00ab321\u00bb of the file", "\u00ab123\u00bb people", "error \u00ab500\u00bb", "port \u00ab8080\u00bb", "\u00ab100\u00bb percent", "bus \u00ab123\u00bb"],
)
fixture(
    "CARD_EXPIRY",
    ["exp \u00ab09/27\u00bb", "expires \u00ab12/2028\u00bb", "Expiry date: \u00ab01/26\u00bb", "{\"expiry\": \"\u00ab11/29\u00bb\"}", "valid thru \u00ab05/30\u00bb", "G\u00fcltig bis: \u00ab03/27\u00bb", "expire le \u00ab08/26\u00bb", "fecha de caducidad \u00ab10/28\u00bb", "vervaldatum: \u00ab04/27\u00bb", "validade \u00ab06/31\u00bb", "scadenza: \u00ab07/29\u00bb", "card_expiry=\u00ab02/2027\u00bb", "Visa 4111 1111 1111 1111, exp. date \u00ab09/27\u00bb"],
    ["exp \u00ab13/27\u00bb", "exp \u00ab00/27\u00bb", "a ratio of \u00ab09/27\u00bb", "chapter \u00ab03/27\u00bb", "exp \u00ab09/27/2024\u00bb", "\u00ab3/4\u00bb cup of sugar", "meeting on \u00ab05/30\u00bb", "version \u00ab01/26\u00bb", "exp \u00ab09/99\u00bb", "path /\u00ab08/26\u00bb/index", "24\u00ab/7\u00bb support", "game \u00ab11/29\u00bb"],
)
fixture(
    "IBAN",
    [f"IBAN: \u00ab{value}\u00bb" for value in IBANS[:4]] + [f"Please pay to \u00ab{FOURS(value)}\u00bb." for value in IBANS[4:9]] + [f"\u00ab{value.lower()}\u00bb" for value in IBANS[9:11]] + [f"\u00ab{FOURS(IBANS[11]).replace(' ', '-')}\u00bb", f"{{\"iban\": \"\u00ab{IBANS[1]}\u00bb\"}}", f"\u00dcberweisung an \u00ab{IBANS[1][:2]} {IBANS[1][2:]}\u00bb"],
    [f"IBAN: \u00ab{value[:-1]}{(int(value[-1]) + 1) % 10}\u00bb" for value in IBANS[:9] if value[-1].isdigit()] + [f"IBAN \u00ab{IBANS[0][:-2]}\u00bb", f"IBAN \u00ab{IBANS[1]}99\u00bb", f"x\u00ab{IBANS[2]}\u00bb", "\u00abGB29 is a code\u00bb", "\u00abDE12345\u00bb"],
)
fixture(
    "SWIFT_BIC",
    ["BIC: \u00abDEUTDEFF500\u00bb", "SWIFT code \u00abCHASUS33\u00bb", "BIC \u00abCOBADEFFXXX\u00bb", "swift: \u00abBNPAFRPP\u00bb", "The BIC of the bank is \u00abINGBNL2A\u00bb.", "Code BIC : \u00abSOGEFRPP\u00bb", "c\u00f3digo SWIFT \u00abBBVAESMM\u00bb", "{\"bic\": \"\u00abUBSWCHZH80A\u00bb\"}", "SWIFT/BIC: \u00abBARCGB22\u00bb", "BIC/SWIFT \u00abABNANL2A\u00bb", "codice BIC: \u00abUNCRITMM\u00bb", f"IBAN {IBANS[1]}, BIC \u00abDEUTDEDB\u00bb", "swift code is \u00abNWBKGB2L\u00bb"],
    ["\u00abABCDEFGH\u00bb", "BIC: \u00abABCDZZ33\u00bb", "the word \u00abDOCUMENT\u00bb", "\u00abDEUTDEFF\u00bb is a string", "SWIFT \u00abLANGUAGE5\u00bb", "BIC \u00abDEUTDEF\u00bb", "\u00abINTERNATIONAL\u00bb", "swift: \u00abdeveloper\u00bb", "constant \u00abMAXUSERS\u00bb", "BIC \u00abDEUTDEFF50\u00bb", "error \u00abABORTED1\u00bb", "Taylor Swift \u00abSPEAKING\u00bb"],
)
fixture(
    "BANK_ACCOUNT",
    ["account number \u00ab12345678\u00bb", "Acct: \u00ab000123456789\u00bb", "Kontonummer \u00ab1234567890\u00bb", "my checking account is \u00ab9876543210\u00bb", "num\u00e9ro de compte : \u00ab00012345678\u00bb", "n\u00famero de cuenta \u00ab0123456789\u00bb", "rekeningnummer \u00ab123456789\u00bb", "conta corrente: \u00ab12345-6\u00bb", "conto corrente n. \u00ab000000123456\u00bb", "sort code \u00ab20-00-00\u00bb", "{\"account_number\": \"\u00ab55667788\u00bb\"}", "Account #\u00ab10194155\u00bb", "bank account \u00ab1234 5678 90\u00bb"],
    ["account \u00abmanager\u00bb", "account number \u00ab123\u00bb", "the population was \u00ab12345678\u00bb", "invoice \u00ab12345678\u00bb", "account since \u00ab2024-05-06\u00bb", "row \u00ab1234567890\u00bb", "0x\u00ab12345678\u00bb", "an account of \u00abyears\u00bb", "$\u00ab12345678\u00bb", "issue \u00ab123456\u00bb", "account: \u00ababcdef\u00bb", "uid \u00ab1234567\u00bb", "commit \u00ab12345678\u00bb"],
)
fixture(
    "CRYPTO_ADDRESS",
    [f"send to \u00ab{base58check(0)}\u00bb" for _ in range(3)] + [f"BTC: \u00ab{base58check(5)}\u00bb", f"\u00ab{bech32('bc', 0)}\u00bb", f"\u00ab{bech32('bc', 1, 32)}\u00bb", f"LTC \u00ab{base58check(48)}\u00bb", f"\u00ab{bech32('ltc', 0)}\u00bb", f"doge \u00ab{base58check(30)}\u00bb", f"\u00ab{base58check(65)}\u00bb", "\u00ab0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\u00bb", "\u00ab0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359\u00bb", "ETH address: \u00ab0x" + hexadecimal(39) + "a\u00bb"],
    [f"\u00ab{base58check(0)[:-1]}1\u00bb", f"\u00ab{bech32('bc', 0)[:-1]}b\u00bb", "\u00ab0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed\u00bb", "hash \u00ab" + hexadecimal(40) + "\u00bb", "0x\u00abdeadbeef\u00bb", "\u00ab1BoatSLRHtKNngkdXEeobR76b53LETtpyX\u00bb", "\u00ab3aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\u00bb", "contract \u00ab0x" + hexadecimal(40) + "\u00bb", "\u00abbc1qqqq\u00bb", "tx 0x\u00ab" + hexadecimal(64) + "\u00bb", "md5 \u00ab" + hexadecimal(32) + "\u00bb", "\u00abTheQuickBrownFoxJumpsOverTheLazy1\u00bb"],
)
fixture(
    "US_DRIVER_LICENSE",
    ["driver's license \u00abD1234567\u00bb", "Driver License Number: \u00abS530-4612-3456\u00bb", "my driver's license number is \u00ab6940579\u00bb", "DL: \u00abF25592150094\u00bb", "DL# \u00abA1234567\u00bb", "drivers license no. \u00ab12345678\u00bb", "{\"driver_license\": \"\u00abB9876543\u00bb\"}", "F\u00fchrerscheinnummer: \u00abB072RRE2I55\u00bb", "permis de conduire n\u00b0 \u00ab880692310285\u00bb", "rijbewijsnummer \u00ab5123456789\u00bb", "patente di guida \u00abU1234567X\u00bb", "license number \u00abW12345678\u00bb", "carta de condu\u00e7\u00e3o \u00abL-1234567\u00bb"],
    ["software license \u00abMIT-2024\u00bb", "license plate \u00abABC123\u00bb", "the license of \u00ab2024\u00bb", "driver version \u00ab535.104\u00bb", "driver's license \u00abrenewal\u00bb", "DL \u00ab12\u00bb", "part \u00abD1234567\u00bb", "dl \u00ab1.2.3\u00bb", "see \u00abRFC7519\u00bb", "under Apache License \u00ab2.0\u00bb", "order D\u00ab1234567\u00bb", "device driver \u00abv12345\u00bb"],
)
fixture(
    "PASSPORT",
    ["passport number \u00abX1234567\u00bb", "Passport: \u00ab123456789\u00bb", "Passport No. \u00abAB1234567\u00bb", "my passport is \u00abP5F125875\u00bb", "num\u00e9ro de passeport : \u00ab12AB34567\u00bb", "pasaporte \u00abAAA123456\u00bb", "paspoortnummer \u00abNX1234567\u00bb", "passaporto n. \u00abYA1234567\u00bb", "n\u00famero do passaporte \u00abFN123456\u00bb", "{\"passport_number\": \"\u00ab987654321\u00bb\"}", "US passport \u00ab530012345\u00bb", "travel document no \u00abL8988901\u00bb", "visa number \u00abA12345678\u00bb"],
    ["passport \u00abcontrol\u00bb", "passport.js \u00ab0.7.0\u00bb", "a passport from \u00ab2019\u00bb", "order \u00abX1234567\u00bb", "passport \u00ab123\u00bb", "\u00abX1234567\u00bb", "passport number \u00ab12345678901234\u00bb", "flight \u00abLH1234\u00bb", "room \u00abB1204\u00bb", "passport \u00abholders\u00bb", "the model \u00abXJ123456\u00bb", "build \u00ab530012345\u00bb"],
)
fixture("MRZ", [f"\u00ab{value}\u00bb" for value in MRZ] + [f"scan:\n\u00ab{MRZ[0]}\u00bb\nend"], [f"\u00ab{value[:54]}{(int(value[54]) + 1) % 10}{value[55:]}\u00bb".replace("P<UTO", "X<UTO") for value in MRZ[:7]] + ["cout \u00ab<< x << y\u00bb", "cat \u00ab<<EOF\u00bb", "a \u00ab<<<< b\u00bb", "1 \u00ab<< 4\u00bb", "\u00ab<<<<<<<<<<\u00bb", "<<\u00abABC\u00bb"])
fixture(
    "IMSI",
    [f"IMSI: \u00ab310150{draw(string.digits, 9)}\u00bb", *[f"IMSI \u00ab{mcc}{draw(string.digits, 12)}\u00bb" for mcc in ("262", "208", "234", "214", "204", "268", "222", "724", "505", "440")], f"{{\"imsi\": \"\u00ab310410{draw(string.digits, 9)}\u00bb\"}}", "num\u00e9ro IMSI : \u00ab20801123456789\u00bb"],
    ["IMSI \u00ab000150123456789\u00bb", "IMSI \u00ab999150123456789\u00bb", "IMSI: \u00ab31015012345\u00bb", "\u00ab310150123456789\u00bb", "order \u00ab310150123456789\u00bb", "IMSI \u00ab3101501234567890\u00bb", "\u00ab262012345678901\u00bb bytes", "trace id \u00ab310150123456789\u00bb", "0.\u00ab310150123456789\u00bb", "IMSI \u00ab100150123456789\u00bb", "x\u00ab310150123456789\u00bb", "IMSI catcher from \u00ab2014\u00bb"],
)
fixture(
    "LICENSE_PLATE",
    ["license plate \u00abABC 1234\u00bb", "plate number: \u00ab7XYZ123\u00bb", "Kennzeichen \u00abB-AB 1234\u00bb", "amtliches Kennzeichen: \u00abM-XY 99\u00bb", "immatricul\u00e9e \u00abAB-123-CD\u00bb", "matr\u00edcula \u00ab1234 BCD\u00bb", "kenteken \u00abGB-001-B\u00bb", "targa \u00abAB 123 CD\u00bb", "placa \u00abABC1D23\u00bb", "vehicle registration \u00abAB12 CDE\u00bb", "{\"license_plate\": \"\u00abKXT 482\u00bb\"}", "number plate \u00abLB07 SEO\u00bb", "car with plates \u00ab8ABC123\u00bb"],
    ["plate \u00abtectonics\u00bb", "\u00abABC 1234\u00bb", "model \u00abAB12 CDE\u00bb", "a license plate of \u00abmetal\u00bb", "gate \u00abB 12\u00bb", "registration \u00abdate\u00bb", "plate number \u00abABCDEFGHIJ123456\u00bb", "part AB-\u00ab123\u00bb-CD", "home plate, inning \u00ab12\u00bb", "\u00abXYZ 999\u00bb is a code", "error \u00abE1234\u00bb", "seat \u00ab12C\u00bb"],
)
fixture(
    "IP_ADDRESS",
    ["from \u00ab203.0.113.7\u00bb", "logged in from \u00ab198.51.100.23\u00bb.", "\u00ab192.168.1.20\u00bb:8080", "http://\u00ab93.184.216.34\u00bb/x", "client=\u00ab10.20.30.40\u00bb", "{\"ip\": \"\u00ab172.217.16.14\u00bb\"}", "\u00ab2001:db8:85a3::8a2e:370:7334\u00bb", "[\u00ab2a00:1450:4001:81b::200e\u00bb]", "\u00abfe80:0:0:0:202:b3ff:fe1e:8329\u00bb", "adresse IP : \u00ab81.2.69.142\u00bb", "\u00ab203.0.113.4\u00bb/24", "ping \u00ab185.12.64.1\u00bb", "ssh root@\u00ab77.88.55.60\u00bb", "IP \u00ab203[.]0[.]113[.]9\u00bb"],
    ["\u00ab127.0.0.1\u00bb", "\u00ab0.0.0.0\u00bb", "mask \u00ab255.255.255.0\u00bb", "version \u00ab1.2.3.4\u00bb", "v\u00ab10.0.19045.1\u00bb", "\u00ab999.1.1.1\u00bb", "\u00ab203.0.113.7.9\u00bb", "section \u00ab4.3.2.1\u00bb", "\u00ab1.2.3\u00bb", "\u00ab::1\u00bb", "std\u00ab::string\u00bb", "at \u00ab12:30:45\u00bb", "\u00ab01.02.03.04\u00bb", "build-\u00ab203.0.113.7\u00bb-rc1", "a\u00ab::b::c\u00bb"],
)
fixture(
    "MAC_ADDRESS",
    ["\u00ab00:1A:2B:3C:4D:5E\u00bb", "MAC: \u00abd8:53:26:bc:22:0f\u00bb", "ether \u00ab02:42:ac:11:00:02\u00bb", "\u00ab00-1A-2B-3C-4D-5E\u00bb", "mac address \u00ab001a.2b3c.4d5e\u00bb", "{\"mac\": \"\u00ab6e:82:53:e1:7f:1c\u00bb\"}", "device \u00ab3C:22:FB:AA:10:7E\u00bb joined", "adresse MAC \u00aba4:83:e7:12:9b:c0\u00bb", "hwaddr=\u00abb8:27:eb:45:12:9a\u00bb", "(\u00ab1c:1b:0d:7a:55:e2\u00bb)", "\u00abF0-18-98-3B-7C-D1\u00bb", "from \u00ab52:54:00:12:34:56\u00bb to"],
    ["\u00ab00:00:00:00:00:00\u00bb", "\u00abff:ff:ff:ff:ff:ff\u00bb", "\u00ab00:1A:2B:3C:4D\u00bb", "\u00ab00:1A:2B:3C:4D:5E:6F\u00bb", "\u00ab00:1A:2B:3C:4D:5G\u00bb", "at \u00ab12:34:56\u00bb", "\u00ab12-34-56-78\u00bb", "SHA256 \u00ab43:51:43:a1:b5:fc:8b:b7:0a:3a:a9:b1\u00bb", "x\u00ab00:1A:2B:3C:4D:5E\u00bb", "\u00ab2024-01-15\u00bb", "ratio \u00ab1:2:3:4:5:6\u00bb", "\u00ababcd.efgh.ijkl\u00bb"],
)
fixture(
    "URL",
    ["\u00abhttps://www.linkedin.com/in/jane-doe-1234\u00bb", "Website: \u00abhttps://www.janedoe.example.com/\u00bb", "my blog \u00abhttps://janewrites.net\u00bb", "my website is \u00abwww.jane-doe.org\u00bb", "\u00abhttps://example.com/reset?email=jane@corp.test&x=1\u00bb".replace("jane@corp.test", "x"), "\u00abhttps://portal.example.com/profile?user=jdoe&tab=2\u00bb", "Homepage: \u00abhttp://www.doe-family.de\u00bb", "\u00abhttps://www.facebook.com/profile.php?id=100001\u00bb", "mon site \u00abhttps://jeandupont.fr\u00bb", "mi blog: \u00abhttps://marialopez.es\u00bb", "Just posted a photo \u00abhttps://www.photos-of-jane.com/1\u00bb", "\u00abhttps://wa.me/491711234567\u00bb", "portfolio: \u00abhttps://jane.design\u00bb"],
    ["see \u00abhttps://docs.rs/serde\u00bb", "\u00abhttps://github.com/owner/repo\u00bb", "\u00abmain.rs\u00bb", "\u00abindex.js\u00bb", "\u00abhttp://localhost:8080/x\u00bb", "download from \u00abhttps://example.com/a.zip\u00bb", "\u00abfoo.bar()\u00bb", "\u00abhttps://en.wikipedia.org/wiki/Rust\u00bb", "\u00abfile:///etc/hosts\u00bb", "license: \u00abhttps://opensource.org/licenses/MIT\u00bb", "\u00abstd::io\u00bb", "\u00abhttps://api.example.com/v1/items\u00bb", "www\u00ab.\u00bb"],
)
fixture(
    "GEO_COORDINATE",
    ["coordinates \u00ab52.5200, 13.4050\u00bb", "\u00ab40.7128\u00b0 N, 74.0060\u00b0 W\u00bb", "GPS: \u00ab48.8566, 2.3522\u00bb", "lat: \u00ab37.7749, lng: -122.4194\u00bb", "{\"lat\": \u00ab51.5074, \"lon\": -0.1278\u00bb}", "Koordinaten: \u00ab48.1351, 11.5820\u00bb", "location \u00ab-33.8688, 151.2093\u00bb", "coordonn\u00e9es GPS : \u00ab45.7640, 4.8357\u00bb", "latitude=\u00ab41.9028, longitude=12.4964\u00bb", "ubicaci\u00f3n \u00ab40.4168, -3.7038\u00bb", "my position is \u00ab59.3293, 18.0686\u00bb", "geo: \u00ab35.6762, 139.6503\u00bb", "\u00ab51\u00b030'26\"N 0\u00b07'39\"W\u00bb"],
    ["weights \u00ab0.1234, 0.5678\u00bb", "loss \u00ab1.2345, 2.3456\u00bb", "\u00ab91.5000, 13.4050\u00bb", "(\u00ab52.52, 13.40\u00bb)", "price \u00ab10.500, 12.300\u00bb", "pi \u00ab3.14159\u00bb", "\u00ab1.0, 2.0\u00bb", "version \u00ab1.234, 5.678\u00bb", "mean \u00ab45.1234, std 12.5678\u00bb", "[\u00ab0.1000, 0.2000\u00bb, 0.3000]", "\u00ab52.5200\u00bb", "scores \u00ab88.1234 and 91.5678\u00bb"],
)
fixture("AWS_ACCESS_KEY", [f"aws_access_key_id = \u00ab{AWS[0]}\u00bb", *[f"key \u00ab{value}\u00bb" for value in AWS[1:6]], *[f"\"\u00ab{value}\u00bb\"" for value in AWS[6:]], f"AWS_ACCESS_KEY_ID=\u00abASIA{AWS[3][4:]}\u00bb"], [f"\u00ab{AWS[0][:-1]}\u00bb", f"\u00ab{AWS[0]}A\u00bb", f"x\u00ab{AWS[0]}\u00bb", f"\u00ab{AWS[0].lower()}\u00bb", "\u00abAKIA\u00bb is a prefix", "\u00abAKIAIOSFODNN\u00bb", "ASIA\u00ab PACIFIC REGION 2024\u00bb", "\u00abASIA-PACIFIC-REGION-1\u00bb", f"\u00abAKIB{AWS[2][4:]}\u00bb", "\u00abAKIA1234\u00bb", f"\u00abAKIA{AWS[1][4:].lower()}\u00bb", f"_\u00ab{AWS[4]}\u00bb"])
fixture("AWS_SECRET_KEY", [f"aws_secret_access_key = \u00ab{SECRET()}\u00bb" for _ in range(5)] + [f"AWS_SECRET_ACCESS_KEY=\u00ab{SECRET()}\u00bb" for _ in range(4)] + [f"{{\"SecretAccessKey\": \"\u00ab{SECRET()}\u00bb\"}}" for _ in range(2)] + [f"{AWS[0]}\nsecret key: \u00ab{SECRET()}\u00bb", f"aws secret \u00ab{SECRET()}\u00bb"], [f"sha1 \u00ab{hexadecimal(40)}\u00bb", f"commit \u00ab{hexadecimal(40)}\u00bb", *[f"\u00ab{SECRET()}\u00bb" for _ in range(3)], f"aws_secret_access_key = \u00ab{SECRET()[:-3]}\u00bb", f"aws_secret_access_key = \u00ab{SECRET()}abc\u00bb", "aws_secret_access_key = \u00ab" + "a" * 40 + "\u00bb", "aws_secret_access_key = \u00ab${SECRET}\u00bb", "secret key: \u00abthis/is/a/path/to/some/file/in/my/folder\u00bb", "integrity \u00ab" + SECRET() + "\u00bb", "aws_secret_access_key = \u00ab****************************************\u00bb"])
fixture(
    "API_KEY",
    [f"\u00absk-proj-{draw(BASE62, 40)}7\u00bb", f"\u00absk-ant-api03-{draw(BASE62, 90)}3AA\u00bb", f"\u00ab{github()}\u00bb", f"\u00ab{github()}\u00bb", f"\u00abglpat-{draw(BASE62, 19)}9\u00bb", f"\u00abxoxb-{draw(string.digits, 12)}-{draw(BASE62, 24)}\u00bb", f"\u00absk_live_{draw(BASE62, 23)}4\u00bb", f"\u00abAIza{draw(BASE62, 34)}5\u00bb", f"\u00abSG.{draw(BASE62, 22)}.{draw(BASE62, 42)}1\u00bb", f"\u00abhf_{draw(BASE62, 33)}2\u00bb", f"\u00abdop_v1_{hexadecimal(64)}\u00bb", f"\u00absk-or-v1-{hexadecimal(64)}\u00bb", f"\u00abgsk_{draw(BASE62, 51)}6\u00bb", f"api_key = \"\u00ab{draw(BASE62, 31)}8Q2\u00bb\"", f"x-api-key: \u00ab{hexadecimal(32)}\u00bb", f"bot \u00ab{draw(string.digits, 9)}1:AA{draw(BASE62, 33)}\u00bb", f"client_secret=\u00abq8~{draw(BASE62, 33)}9\u00bb", f"\u00abshpat_{hexadecimal(32)}\u00bb"],
    ["\u00absk-your-key-here\u00bb", "\u00absk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\u00bb", "\u00abghp_XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX\u00bb", "api_key = \u00abos.environ[\"OPENAI_API_KEY\"]\u00bb", f"sha256:\u00ab{hexadecimal(64)}\u00bb", "id \u00ab550e8400-e29b-41d4-a716-446655440000\u00bb", f"commit \u00ab{hexadecimal(40)}\u00bb", "token: \u00abtruetruetruetruetrue\u00bb", "\u00absk-\u00bb", "a \u00abrisk-free-investment-2024\u00bb", "\u00abhf_model_name_v2\u00bb", "api_key: \u00abYOUR_API_KEY\u00bb", "\u00abtask-1234567890-abcdefghij\u00bb", "const tokenCount = \u00abcountTokens2(text)\u00bb"],
)
fixture("JWT", [f"Bearer \u00ab{value}\u00bb" for value in JWTS[:6]] + [f"\"\u00ab{value}\u00bb\"" for value in JWTS[6:]], ["\u00abeyJhbGc...\u00bb", "\u00abeyJ\u00bb", f"\u00ab{JWTS[0].split('.')[0]}\u00bb", "\u00abeyJmb28iOiJiYXIifQ.eyJhIjoxfQ.c2ln\u00bb", "\u00ababc.def.ghi\u00bb", f"x\u00ab{JWTS[1]}\u00bb", "\u00aba.b.c\u00bb", "file \u00abeyJ.tar.gz\u00bb", "\u00abeyJub3QganNvbg.abc.def\u00bb", "\u00abwww.example.com\u00bb", "\u00abeyJhbGci!.x.y\u00bb", "heyJude\u00ab.mp3\u00bb"])
fixture("PRIVATE_KEY", [f"\u00ab{pem(kind)}\u00bb" for kind in ("PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "DSA PRIVATE KEY")] + [f"key:\n\u00ab{pem('PRIVATE KEY', n)}\u00bb\nend." for n in (1, 5, 20)] + ["{\"key\": \"\u00ab" + pem("PRIVATE KEY").replace("\n", "\\n") + "\u00bb\"}", f"\u00ab{pem('RSA PRIVATE KEY')[:120]}\u00bb", "\u00ab-----BEGIN PRIVATE KEY-----\u00bb", f"\u00ab{pem('PGP PRIVATE KEY BLOCK')}\u00bb"], [f"\u00ab{pem(kind)}\u00bb" for kind in ("PUBLIC KEY", "CERTIFICATE", "CERTIFICATE REQUEST", "RSA PUBLIC KEY", "SSH2 PUBLIC KEY", "X509 CRL")] + ["\u00ab-----BEGIN\u00bb", "\u00ab----- BEGIN PRIVATE KEY -----\u00bb", "\u00ab-----END PRIVATE KEY-----\u00bb", "a \u00abPRIVATE KEY\u00bb", "\u00ab----------\u00bb", "\u00ab--BEGIN PRIVATE KEY--\u00bb"])
fixture(
    "PASSWORD",
    ["password: \u00abTr0ub4dor&3\u00bb", "my password is \u00abhunter2\u00bb", "DB_PASS = \"\u00abKfX3813SO9l\u00bb\"", "\"password\": \"\u00abcorrect horse battery\u00bb\"", "Passwort: \u00abGeheim123!\u00bb", "mot de passe : \u00abSoleil2024!\u00bb", "contrase\u00f1a: \u00abHola$1234\u00bb", "wachtwoord is \u00abWelkom01\u00bb", "senha: \u00abbr@sil99\u00bb", "parola d'ordine: \u00abpizza7Ok\u00bb", "postgres://app:\u00abs3cr3t\u00bb@db/x", "Authorization: Basic \u00abdXNlcjpwYXNzd29yZDE=\u00bb", "IDENTIFIED BY '\u00abjWxJCYvUSEPCs\u00bb'", "pwd=\u00ababc12345\u00bb", "the passphrase is \u00abcorrecthorsebatterystaple\u00bb", "--password \u00abx9!kLm\u00bb"],
    ["password: \u00ab****\u00bb", "password is \u00abrequired\u00bb", "password: \u00ab${DB_PASSWORD}\u00bb", "password=\u00abos.environ['X']\u00bb", "password: \u00abstring\u00bb", "enter your password \u00abtwice\u00bb", "password = \u00abreq.body.password\u00bb", "password: \u00ab<password>\u00bb", "if password == \u00ab\"abc1\"\u00bb", "passed \u00abtest2\u00bb", "password: \u00abnull\u00bb", "forgot password \u00ablink\u00bb", "the pass \u00abrate\u00bb is high", "password must be \u00ab8\u00bb characters", "PASSWORD=\u00abYOUR_PASSWORD\u00bb"],
)
fixture(
    "USERNAME",
    ["username: \u00abjdoe42\u00bb", "user name is \u00abjane_doe\u00bb", "DB_USER = \"\u00abmgr_6647\u00bb\"", "dbUser: \"\u00abtest_8412\u00bb\"", "CREATE USER '\u00abdev_3737\u00bb'@'10.1.2.3'", "GRANT ALL TO '\u00abops_6824\u00bb'@'10.1.2.3'", "Benutzername: \u00abmmuster\u00bb", "nom d'utilisateur : \u00abjdupont75\u00bb", "usuario: \u00abmlopez_88\u00bb", "gebruikersnaam \u00abpjansen1\u00bb", "nome utente: \u00abgrossi_a\u00bb", "/home/\u00abjdoe\u00bb/work", "C:\\Users\\\u00abjane.doe\u00bb\\Desktop", "ssh \u00abjdoe\u00bb@10.0.0.7", "login: \u00abjdoe_1\u00bb", "?user=\u00abheatherallen631\u00bb&x=1"],
    ["user: \u00abadmin\u00bb", "username: \u00abnull\u00bb", "the user \u00abclicked\u00bb", "User: \u00abHello there\u00bb", "users \u00ab2024\u00bb", "/home/\u00abuser\u00bb/x", "username: \u00ab${USER}\u00bb", "login \u00abpage\u00bb", "user = \u00abrequest.user\u00bb", "a user of \u00abv2\u00bb", "GET /users/\u00ab123\u00bb", "username: \u00abstring\u00bb", "user is \u00abnot found\u00bb"],
)
fixture(
    "HANDLE",
    ["my Instagram is \u00ab@jane.doe\u00bb", "Twitter: \u00ab@jdoe_42\u00bb", "follow me \u00ab@janewrites\u00bb", "TikTok \u00ab@dancing_jane\u00bb", "my handle is \u00ab@jdoe\u00bb", "Telegram: \u00ab@jane_tg\u00bb", "DM me \u00ab@jd_2024\u00bb", "Snapchat \u00ab@snapjane\u00bb", "find me on Bluesky \u00ab@jane.bsky\u00bb", "S\u00edgueme \u00ab@maria_es\u00bb", "Venmo \u00ab@Jane-Doe\u00bb".replace("Jane-Doe", "JaneDoe"), "social media: \u00ab@johnsmith42\u00bb", "mein Handle: \u00ab@max_m\u00bb"],
    ["\u00ab@Override\u00bb", "import \u00ab@types/node\u00bb", "\u00ab@media\u00bb screen", "\u00ab@app.route\u00bb", "jane\u00ab@example\u00bb", "\u00ab@property\u00bb", "\u00ab@param\u00bb x", "see \u00ab@2x\u00bb", "lunch \u00ab@ noon\u00bb", "\u00ab@green_puma608\u00bb:", "npm i \u00ab@scope/pkg\u00bb", "\u00ab@Test\u00bb public void x", "at\u00ab@\u00bbat"],
)
fixture(
    "DATE_OF_BIRTH",
    ["DOB: \u00ab1985-01-18\u00bb", "born on \u00abMarch 3, 1985\u00bb", "date of birth \u00ab01/18/1985\u00bb", "geboren am \u00ab18.01.1985\u00bb", "Geburtsdatum: \u00ab3. M\u00e4rz 1985\u00bb", "n\u00e9e le \u00ab12 avril 1990\u00bb", "date de naissance : \u00ab12/04/1990\u00bb", "fecha de nacimiento: \u00ab5 de mayo de 1978\u00bb", "geboren op \u00ab7 juni 1966\u00bb", "nascido em \u00ab21/09/1999\u00bb", "data di nascita \u00ab2 luglio 1983\u00bb", "{\"birthDate\": \"\u00ab1972-11-30\u00bb\"}", "birthday is \u00ab4th of July 1976\u00bb", "dob \u00ab19850118\u00bb", "Q: your date of birth?\nA: \u00ab1990-02-28\u00bb", "born \u00ab18-Jan-1985\u00bb"],
    ["DOB: \u00ab1985-13-18\u00bb", "DOB: \u00ab1985-02-30\u00bb", "founded on \u00ab1985-01-18\u00bb", "released \u00abMarch 3, 1985\u00bb", "on \u00ab01/18/1985\u00bb", "updated \u00ab2024-01-15T10:00:00Z\u00bb", "DOB: \u00ab1785-01-18\u00bb", "born in \u00ab1985\u00bb", "version \u00ab18.01.1985\u00bb", "due \u00ab12 avril 1990\u00bb", "DOB: \u00ab32/13/1985\u00bb", "created_at: \u00ab1972-11-30\u00bb", "invoice of \u00ab5 de mayo de 1978\u00bb"],
)
fixture(
    "DATE",
    ["on \u00ab2024-01-15\u00bb", "\u00ab15/01/2024\u00bb", "\u00abJanuary 15, 2024\u00bb", "\u00ab15 January 2024\u00bb", "\u00ab15. Januar 2024\u00bb", "le \u00ab15 janvier 2024\u00bb", "el \u00ab15 de enero de 2024\u00bb", "\u00ab15 januari 2024\u00bb", "\u00ab15 de janeiro de 2024\u00bb", "\u00ab15 gennaio 2024\u00bb", "\u00ab15.01.2024\u00bb", "\u00ab15-Jan-2024\u00bb", "the \u00ab3rd of March 2024\u00bb"],
    ["\u00ab2024-13-15\u00bb", "\u00ab2024-02-30\u00bb", "\u00ab31/31/2024\u00bb", "\u00ab1.2.3\u00bb", "\u00ab192.168.1.1\u00bb", "\u00ab12/13\u00bb", "\u00ab24-7-365\u00bb", "\u00ab15 Foo 2024\u00bb", "\u00ab2024\u00bb", "\u00ab10:30\u00bb", "\u00ab30 February 2024\u00bb", "\u00ab9999-01-01\u00bb"],
)
fixture(
    "AGE",
    ["a \u00ab46-year-old\u00bb patient", "she is \u00ab34 years old\u00bb", "I am \u00ab29 years old\u00bb", "my brother just turned \u00ab60\u00bb", "retired at the age of \u00ab61\u00bb", "aged \u00ab45\u00bb", "Age: \u00ab52\u00bb", "er ist \u00ab35 Jahre alt\u00bb", "elle a \u00ab28 ans\u00bb", "tiene \u00ab41 a\u00f1os\u00bb", "hij is \u00ab19 jaar oud\u00bb", "ela tem \u00ab33 anos\u00bb", "ho \u00ab27 anni\u00bb", "a \u00ab7 year old\u00bb girl", "I'll turn \u00ab23\u00bb"],
    ["a \u00ab300-year-old\u00bb tree", "\u00ab5 years\u00bb of experience", "page \u00ab46\u00bb", "\u00ab20 years\u00bb ago", "the \u00ab20-year-old\u00bb building", "in \u00ab34\u00bb minutes", "aged \u00ab450\u00bb", "age of \u00ab1500\u00bb", "chapter \u00ab12\u00bb", "\u00ab100\u00bb percent", "temperature turned \u00ab40 degrees\u00bb", "version \u00ab23\u00bb", "a \u00ab12-year-old\u00bb whisky"],
)
fixture(
    "MEDICAL_RECORD",
    ["MRN: \u00abMRN-1234567\u00bb", "MRN \u00ab00123456\u00bb", "medical record number \u00ab7654321\u00bb", "Patient ID: \u00abP-102938\u00bb", "Patientennummer: \u00ab445566\u00bb", "dossier m\u00e9dical n\u00b0 \u00ab998877\u00bb", "historia cl\u00ednica \u00ab123456\u00bb", "pati\u00ebntnummer \u00ab5566778\u00bb", "prontu\u00e1rio \u00ab1029384\u00bb", "cartella clinica n. \u00ab556677\u00bb", "{\"mrn\": \"\u00abA1234567\u00bb\"}", "/records/\u00abMRN-1026425\u00bb", "hospital number \u00abH123456\u00bb"],
    ["record \u00ab1234567\u00bb", "MRN \u00ab12\u00bb", "order \u00abP-102938\u00bb", "a medical record from \u00ab2019\u00bb", "MRN: \u00abpending\u00bb", "world record \u00ab12345\u00bb", "row \u00ab7654321\u00bb", "patient for \u00ab10000\u00bb years", "chart \u00abtype3\u00bb", "issue \u00ab445566\u00bb", "version \u00ab1234567\u00bb", "patient ID \u00abunknown\u00bb"],
)
fixture(
    "HEALTH_PLAN",
    ["Insurance ID: \u00abINS-797861270\u00bb", "member ID \u00abXEH123456789\u00bb", "policy number \u00abPOL-1997756\u00bb", "health insurance number: \u00ab123456789A\u00bb", "subscriber id \u00abW234567890\u00bb", "Versicherungsnummer \u00abV12345678\u00bb", "num\u00e9ro d'adh\u00e9rent : \u00ab87654321\u00bb", "n\u00famero de p\u00f3liza \u00abPZ-445566\u00bb", "polisnummer \u00ab99887766\u00bb", "ap\u00f3lice \u00abAP1234567\u00bb", "numero di polizza \u00ab12345678\u00bb", "{\"insurance_id\": \"\u00abHIN-456789\u00bb\"}", "Insurance: \u00abINS-497861\u00bb"],
    ["insurance \u00abcompany\u00bb", "policy \u00ab2024\u00bb", "a privacy policy of \u00ab20240101\u00bb", "member \u00abfunction\u00bb", "order \u00abINS-797861270\u00bb", "insurance for \u00ab1000\u00bb people", "group \u00ab12\u00bb", "\u00abXEH123456789\u00bb", "the member count is \u00ab123456\u00bb", "policy v\u00ab1.2.3\u00bb", "insurance costs $\u00ab123456\u00bb", "ticket \u00abW234567890\u00bb"],
)
fixture(
    "CASE_NUMBER",
    ["Case No. \u00ab2:24-cv-01234-ABC\u00bb", "\u00ab5:23-mc-07835-CVN\u00bb", "Case \u00ab2021-CRIM-7140\u00bb", "case number \u00ab2023-CR-1084\u00bb", "Docket No. \u00ab19-1392\u00bb", "Aktenzeichen: \u00ab12-O-345/21\u00bb", "dossier n\u00b0 \u00abRG-21/04567\u00bb".replace("dossier n\u00b0", "num\u00e9ro de dossier"), "n\u00famero de expediente \u00ab123/2021\u00bb", "zaaknummer \u00abC-13-123456\u00bb", "processo n.\u00ba \u00ab1234/20.5\u00bb".replace("processo n.\u00ba", "n\u00famero do processo"), "file number \u00abF-2020-117\u00bb", "claim number \u00abCLM-998877\u00bb", "incident number \u00ab22-004512\u00bb"],
    ["case \u00ab404\u00bb:", "in case \u00ab1000\u00bb users come", "use case \u00ab12\u00bb", "switch case \u00ab4096\u00bb", "Case No. \u00abunknown\u00bb", "the case of \u00ab2021\u00bb", "\u00ab2021-01-15\u00bb", "lower case \u00aba1\u00bb", "filed on \u00ab2021-05-06\u00bb", "ratio \u00ab2:24\u00bb", "time \u00ab5:23\u00bb", "version \u00ab19-1392\u00bb"],
)
fixture(
    "EMPLOYEE_ID",
    ["Employee ID: \u00abEMP-36797\u00bb", "employee number \u00ab104523\u00bb", "emp_id=\u00abE4452\u00bb", "staff no. \u00ab88123\u00bb", "Personalnummer: \u00ab004512\u00bb", "Mitarbeiternummer \u00abM7788\u00bb", "matricule : \u00ab456123\u00bb", "n\u00famero de empleado \u00ab7781\u00bb", "personeelsnummer \u00ab33412\u00bb", "matricola \u00ab90112\u00bb", "{\"employee_id\": \"\u00abEMP-17675\u00bb\"}", "badge number \u00ab5521\u00bb", "empid=\"\u00abEMP-36597\u00bb\""],
    ["employee \u00abof the month\u00bb", "100 employees in \u00ab2024\u00bb", "employee count \u00ab104523\u00bb".replace("employee count", "count"), "staff \u00abmeeting\u00bb", "order \u00abEMP-36797\u00bb", "badge \u00abcolor\u00bb", "employee ID \u00ab12\u00bb", "\u00abE4452\u00bb", "temp \u00ab451\u00bb degrees", "an employee since \u00ab2019\u00bb", "row \u00ab88123\u00bb", "employee id \u00abpending\u00bb"],
)
fixture(
    "ADDRESS",
    ["I live at \u00ab742 Evergreen Terrace, Springfield, OR 97477\u00bb", "\u00ab221B Baker Street, London NW1 6XE\u00bb", "\u00abHauptstra\u00dfe 12, 10115 Berlin\u00bb", "\u00ab12 rue de la Paix, 75002 Paris\u00bb", "\u00abCalle de Alcal\u00e1 45, 3\u00ba B, 28014 Madrid\u00bb", "\u00abVia Roma 3, 20121 Milano\u00bb", "\u00abRua Augusta, 1500\u00bb", "\u00abKerkstraat 12, 1012 AB Amsterdam\u00bb", "\u00abul. Marsza\u0142kowska 10/5, 00-590 Warszawa\u00bb", "\u00abP.O. Box 123, Springfield, IL 62701\u00bb", "\u00ab1600 Pennsylvania Avenue NW, Washington, DC 20500\u00bb", "Anschrift: \u00abLindenweg 7a\u00bb", "my zip code is \u00ab35350\u00bb", "\u00abPostfach 1020\u00bb", "\u00ab4982 Elm Boulevard, Greenville, NY 34682\u00bb", "\u00ab10 Downing Street\u00bb"],
    ["\u00ab5 miles\u00bb down the road", "in \u00ab2020 the street\u00bb was closed", "a \u00ab4 lane highway\u00bb", "\u00ab3 Main Features\u00bb", "see \u00abFigure 3\u00bb", "\u00ab12 way handshake\u00bb", "the \u00ab90 Day Plan\u00bb", "chapter \u00ab4 Road\u00bb to success", "\u00ab100 people\u00bb", "IP address \u00ab42\u00bb", "\u00ab7 Deadly Sins\u00bb", "room \u00ab12\u00bb", "ring \u00ab3 times\u00bb"],
)


# What people showed to be missed, or found by mistake, later.
FURTHER = {
    "PASSPORT": (
        ["passport \u00ab45 71 984843\u00bb", "passport number \u00abAB 123456\u00bb, issued 2020", "passport \u00abC01X00T47\u00bb"],
        ["passport \u00abAB1234567890\u00bb", "passport renewed in \u00ab2024-2025\u00bb"],
    ),
    "US_DRIVER_LICENSE": (
        ["DL-\u00abD1234567\u00bb, my drivers license", "Driver license: \u00abK12345678901234\u00bb", "Driver license: \u00ab12ABC34567\u00bb"],
        ["Driver license: \u00abABC12345678901\u00bb", "Driver license: \u00abA1\u00bb"],
    ),
    "LICENSE_PLATE": (
        ["Kennzeichen \u00abB-MA 1234\u00bb", "Kennzeichen \u00abW\u00dc-RB 1783\u00bb", "Kennzeichen: \u00abLU-XY 1999\u00bb", "targa \u00abSA 764 ZY\u00bb", "targa \u00abAT 843 XD\u00bb"],
        ["plate \u00ab1999\u00bb"],
    ),
    "MEDICAL_RECORD": (
        ["MRN: \u00ab123 456 789\u00bb DOB unknown", "MRN \u00ab1234567\u00bb 12 mg daily"],
        [],
    ),
    "HEALTH_PLAN": (
        ["Policy no. \u00ab566 696 479\u00bb", "Member ID \u00abXEH 123 456 789\u00bb", "Policy number \u00ab12345678\u00bb 2 years"],
        ["insurance \u00ab2024-2025\u00bb"],
    ),
    "CASE_NUMBER": (
        ["Az.: \u00ab12 O 345/22\u00bb", "Aktenzeichen \u00ab3 Ds 101 Js 1234/21\u00bb"],
        [],
    ),
    "BANK_ACCOUNT": (
        ["RIB : \u00ab30006 00001 12345678901 89\u00bb", "account \u00ab0000 1111 2222 3333 4444 5555\u00bb"],
        ["account = \u00ab0x0000_0001\u00bb"],
    ),
    "EMAIL": (
        ["\u00abjane -at- example -dot- com\u00bb", "\u00abjane(a)example.com\u00bb", "\u00abjane.doe @example.com\u00bb", "\u00abjane arobase example point com\u00bb", "\u00abjane klammeraffe example punkt com\u00bb", "\u00abjane.doe at mail.uni-bonn.de\u00bb", "write to \u00abjane@corp.example\u00bb"],
        ["fetch http://user:\u00abpassword@example.com\u00bb/path now", "\u00abfoo(a) bar.com\u00bb", "the \u00abpoint. Point com\u00bb is nice"],
    ),
    "AGE": (
        ["un homme de \u00ab46 ans\u00bb", "una mujer de \u00ab46 a\u00f1os\u00bb", "uma mulher de \u00ab46 anos\u00bb", "una donna di \u00ab46 anni\u00bb", "\u00ab46 yo\u00bb F with cough"],
        ["une entreprise de \u00ab46 ans\u00bb"],
    ),
    "PASSWORD": (
        ["my password is \u00absunshine\u00bb"],
        ["let status = async |password: \u00ab&str|\u00bb admin.sign_in(password)", "fn compute(password: \u00ab&[u8\u00bb], like: &Hash)", "my password is \u00abexpired\u00bb.", "def f(a, pwd=\u00abNone\u00bb):", "int pass = \u00ab0x1F00\u00bb", "password = \u00ab(ULONG)requested\u00bb"],
    ),
    "USERNAME": (
        ["[INFO] User \u00abedwardortiz102\u00bb logged in from the VPN", "https://portal.example.com/profile?user=\u00abbarbara931\u00bb&email=b.cruz@example.org", "ssh -p 2222 \u00abjdoe\u00bb@server1", "nome de utilizador: \u00abjdoe42\u00bb"],
        ["ssh is used, so mail \u00abops4\u00bb@server1"],
    ),
    "IP_ADDRESS": (
        ["login from \u00ab51.15.22.9\u00bb at noon"],
        ["Upgrade foo from \u00ab4.51.1.1\u00bb to 4.52", "Nginx \u00ab1.25.3.2\u00bb", "Tomcat \u00ab9.0.75.0\u00bb"],
    ),
    "PHONE": (
        ["415-555-0132,\u00ab415-555-0133\u00bb", "call \u00ab+ 49 151 12345678\u00bb"],
        ["a \u00ab+ 4915112345678\u00bb", "\u00ab92 07 21 27 35 92\u00bb"],
    ),
    "SWIFT_BIC": (
        ["DE89 3704 0044 0532 0130 00 (\u00abCOBADEFFXXX\u00bb)"],
        ["DE89 3704 0044 0532 0130 00 \u00abREQUIRED\u00bb"],
    ),
    "URL": (
        ["\u00ablinkedin.com/in/jane-doe\u00bb", "see \u00abfacebook.com/jane.doe.5\u00bb today"],
        ["see \u00abfacebook.com/groups\u00bb today", "homepage = \"\u00abhttps://serde.rs\u00bb\""],
    ),
    "GEO_COORDINATE": (
        ["I live at \u00ab51.5074, -0.1278\u00bb", "https://maps.google.com/?q=\u00ab51.5074,-0.1278\u00bb"],
        [],
    ),
    "ADDRESS": (
        [],
        ["x = A_\u00abROAD 12\u00bb\n#define Q 1"],
    ),
}
for name, (hits, misses) in FURTHER.items():
    WRITTEN[name][0].extend(hits)
    WRITTEN[name][1].extend(misses)


def write():
    for name, (hits, misses) in WRITTEN.items():
        rows = []
        for kind, texts in (("hit", hits), ("miss", misses)):
            for text in texts:
                before, rest = text.split("\u00ab", 1)
                value, after = rest.split("\u00bb", 1)
                rows.append({"text": before + value + after, kind: value})
        path = FOLDER / f"{name.lower()}.jsonl"
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    print(f"{len(WRITTEN)} fixtures")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    write()
