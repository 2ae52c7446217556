//! Numbers of payment cards.

use super::{ONE_IN_10, Recognizer};
use crate::{
    check::{digits, luhn},
    entity::Group,
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "CREDIT_CARD",
    group: Group::Financial,
    title: "payment card number",
    validator: "Luhn, issuer ranges, length (ISO/IEC 7812)",
    example: "4111 1111 1111 1111",
    forms: &[
        Form::new("9999~9999~9999~9999", 1.5),
        Form::new("9999~999999~99999", 1.0),
        Form::new("9999~999999~9999", 1.0),
        Form::new("9999~9999~9999~9999~999", 0.5),
        Form::new("9999999999999999", 0.0),
        Form::new("999999999999999", -0.5),
        Form::new("99999999999999", -2.0),
        Form::new("9999999999999", -4.5),
        Form::new("999999999999", -4.5),
        Form::new("99999999999999999", -4.5),
        Form::new("999999999999999999", -4.5),
        Form::new("9999999999999999999", -4.5),
    ],
    check,
    proof: ONE_IN_10,
    labels: "card, card number, card no, credit card, credit card number, cc, ccn, cc number, pan, \
        debit card, debit card number, payment card, visa, mastercard, amex, american express, \
        discover, diners, maestro, kreditkarte, kreditkartennummer, kartennummer, kreditkartennr, \
        carte, carte bancaire, carte de credit, numero de carte, carte bleue, tarjeta, \
        numero de tarjeta, tarjeta de credito, tarjeta de debito, creditcard, creditcardnummer, \
        kaartnummer, bankkaart, cartao, cartao de credito, numero do cartao, carta di credito, \
        numero carta, numero della carta, carta",
    cues: "charge, charged, expires, expiring, exp, cvv, cvc, payment, billing, billed, withdraw, \
        atm, checkout, redeem, bank, zahlung, abbuchen, paiement, payer, pago, pagar, betaling, \
        pagamento",
    against: "imei, imsi, iccid, account number, tracking, isbn, barcode, ean, upc, snowflake",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let head = |length: usize| digits(&text[..length]);
    let issued = match text.len() {
        16 => {
            matches!(head(1), 4)
                || matches!(head(2), 51..=55 | 62 | 65 | 60)
                || matches!(head(2), 35)
                || matches!(head(4), 2200..=2204 | 2221..=2720 | 6011)
                || matches!(head(3), 644..=649)
                || matches!(head(2), 50 | 56..=69)
                || matches!(head(2), 36 | 38)
        }
        15 => matches!(head(2), 34 | 37) || matches!(head(4), 2131 | 1800),
        14 => matches!(head(2), 36 | 38 | 39) || matches!(head(3), 300..=305 | 309),
        13 => head(1) == 4 || matches!(head(2), 50 | 56..=69),
        12 | 17 | 18 => matches!(head(2), 50 | 56..=69),
        _ => head(1) == 4 || matches!(head(2), 50 | 56..=69),
    };
    let repeated = text.iter().all(|byte| *byte == text[0]);
    super::pass(issued && !repeated && luhn(text))
}
