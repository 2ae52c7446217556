//! The recognizers: one file each, one line each in the list below.
//!
//! # Adding a recognizer
//!
//! 1. `src/recognizer/<name>.rs` with a `RECOGNIZER`: its id and help, the forms of its values with
//!    their prior log odds, a check, and the phrases that name such a value. Most need no more; one
//!    whose values have no fixed form adds a matcher for a [`Site`].
//! 2. A `mod` line, and a line in the list below, in the order of the reference table.
//! 3. `fixtures/<name>.jsonl` with at least 12 hits and 12 near misses (`oracle/` generates them).

mod address;
mod age;
mod api_key;
mod ar_cuit;
mod at_svnr;
mod au_abn;
mod au_acn;
mod au_medicare;
mod au_tfn;
mod aws_access_key;
mod aws_secret_key;
mod bank_account;
mod be_national;
mod bg_egn;
mod br_cnpj;
mod br_cpf;
mod ca_sin;
mod card_cvv;
mod card_expiry;
mod case_number;
mod ch_ahv;
mod cl_rut;
mod cn_resident_id;
mod co_nit;
mod credential;
mod credit_card;
mod crypto_address;
mod cz_rc;
mod date;
mod date_of_birth;
mod de_id_card;
mod de_kvnr;
mod de_passport;
mod de_social_security;
mod de_tax_id;
mod dk_cpr;
mod ee_id;
mod email;
mod employee_id;
mod es_cif;
mod es_dni;
mod es_nie;
mod fi_hetu;
mod fr_nir;
mod fr_siren;
mod fr_siret;
mod geo_coordinate;
mod gr_afm;
mod handle;
mod health_plan;
mod hk_id;
mod hr_oib;
mod hu_taj;
mod hu_tax_id;
mod iban;
mod iccid;
mod id_nik;
mod ie_pps;
mod il_id;
mod imei;
mod imsi;
mod in_aadhaar;
mod in_gstin;
mod in_pan;
mod ip_address;
mod it_fiscal_code;
mod it_vat;
mod jp_my_number;
mod jwt;
mod kr_rrn;
mod license_plate;
mod literal;
mod location;
mod lt_id;
mod lu_nin;
mod mac_address;
mod medical_record;
mod mrz;
mod mx_curp;
mod mx_rfc;
mod my_nric;
mod ng_nin;
mod nl_bsn;
mod no_fnr;
mod nrp;
mod nz_ird;
mod organization;
mod passport;
mod password;
mod person;
mod phone;
mod pl_nip;
mod pl_pesel;
mod pl_regon;
mod private_key;
mod pt_nif;
mod ro_cnp;
mod ru_inn;
mod se_personnummer;
mod sg_fin;
mod sg_nric;
mod si_emso;
mod sk_rc;
mod swift_bic;
mod th_id;
mod tr_tckn;
mod tw_id;
mod ua_rnokpp;
mod uk_driving_licence;
mod uk_nhs;
mod uk_nino;
mod uk_utr;
mod url;
mod us_bank_routing;
mod us_dea;
mod us_driver_license;
mod us_ein;
mod us_itin;
mod us_mbi;
mod us_npi;
mod us_ssn;
mod username;
mod vin;
mod za_id;

use crate::{
    entity::{Country, Entity, Group},
    scan::{Cx, Form, Run, Sink, Value},
};

/// A type and how its values are recognized.
pub(crate) struct Recognizer {
    /// The stable id.
    pub(crate) id: &'static str,
    pub(crate) group: Group,
    /// What it is, in words.
    pub(crate) title: &'static str,
    /// What is checked, in words.
    pub(crate) validator: &'static str,
    /// An invented value.
    pub(crate) example: &'static str,
    /// Looked for by default.
    pub(crate) on: bool,
    /// The most a stream is held back for a value, bytes.
    pub(crate) hold: usize,
    /// Forms of numbers, and what must be true of their letters and digits: `None` if a value is
    /// impossible, else log odds.
    pub(crate) forms: &'static [Form],
    pub(crate) check: fn(&[u8]) -> Option<f32>,
    /// What passing the check is worth, log odds: the logarithm of one over the share of random
    /// values that pass.
    pub(crate) proof: f32,
    /// The shape of values that have no form of their own and are known by their label.
    pub(crate) value: Option<Value>,
    /// Phrases that name a value, separated by commas, in any language.
    pub(crate) labels: &'static str,
    /// Phrases that make a value more likely.
    pub(crate) cues: &'static str,
    /// Phrases that make it less likely, beyond those that speak against any number.
    pub(crate) against: &'static str,
    /// Where other matchers look.
    pub(crate) sites: &'static [Site],
}

/// Where a matcher is asked.
pub(crate) enum Site {
    /// At a number.
    Number(NumberMatcher),
    /// At a word that holds a digit.
    Word(WordMatcher),
    /// At `@`.
    At(Matcher),
    /// At `:`.
    Colon(Matcher),
    /// Where one of these stands. They hold no white space and start with no digit, `@` or `:`.
    Literal(&'static [&'static str], Matcher),
    /// At the beginning of a text that a key names from outside. What is asked about is the whole text.
    Named(Matcher),
}

/// Looks at the trigger at an offset.
pub(crate) type Matcher = fn(&Cx<'_>, usize, &mut Sink);
/// Looks at a word.
pub(crate) type WordMatcher = fn(&Cx<'_>, (usize, usize), &mut Sink);
/// Looks at the number that starts with a group of a run.
pub(crate) type NumberMatcher = fn(&Cx<'_>, &Run, usize, &mut Sink);

impl Recognizer {
    /// How many letters and digits values may have, a bit each; all bits if that is not known.
    pub(crate) fn lengths(&self) -> u64 {
        if !self.sites.is_empty() || self.forms.is_empty() && self.value.is_none() {
            return u64::MAX;
        }
        let forms = self.forms.iter().fold(0, |bits, form| bits | 1 << form.length());
        let value = self.value.map_or(0, |it| (1_u64 << (it.most + 1)) - (1 << it.least));
        forms | value
    }

    const BLANK: Self = Self {
        id: "",
        group: Group::Custom,
        title: "",
        validator: "",
        example: "",
        on: true,
        hold: 256,
        forms: &[],
        check: |_| Some(0.0),
        proof: 0.0,
        value: None,
        labels: "",
        cues: "",
        against: "",
        sites: &[],
    };
}

/// The log odds that a check with one chance in `n` to pass by accident is worth.
const ONE_IN_10: f32 = 2.3;
const ONE_IN_11: f32 = 2.4;
const ONE_IN_23: f32 = 3.1;
const ONE_IN_97: f32 = 4.6;
const ONE_IN_100: f32 = 4.6;

const fn state(country: &'static str) -> Group {
    Group::Government(Country(country))
}

/// Passing is all there is to know.
fn pass(valid: bool) -> Option<f32> {
    valid.then_some(0.0)
}

macro_rules! recognizers {
    ($($entity:ident = $module:ident;)*) => {
        /// All of them; an entity is an index into this.
        pub(crate) static ALL: [&Recognizer; [$(stringify!($module)),*].len()] =
            [$(&$module::RECOGNIZER),*];

        #[allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "ids as they are")]
        enum Index { $($entity),* }

        impl Entity {
            $(
                #[doc = concat!("The type `", stringify!($entity), "`.")]
                pub const $entity: Self = Self(Index::$entity as u16);
            )*
        }
    };
}

recognizers! {
    EMAIL = email;
    PHONE = phone;
    CREDIT_CARD = credit_card;
    CARD_CVV = card_cvv;
    CARD_EXPIRY = card_expiry;
    IBAN = iban;
    SWIFT_BIC = swift_bic;
    US_BANK_ROUTING = us_bank_routing;
    BANK_ACCOUNT = bank_account;
    CRYPTO_ADDRESS = crypto_address;
    US_SSN = us_ssn;
    US_ITIN = us_itin;
    US_EIN = us_ein;
    US_NPI = us_npi;
    US_DEA = us_dea;
    US_MBI = us_mbi;
    US_DRIVER_LICENSE = us_driver_license;
    PASSPORT = passport;
    MRZ = mrz;
    UK_NHS = uk_nhs;
    UK_NINO = uk_nino;
    UK_UTR = uk_utr;
    UK_DRIVING_LICENCE = uk_driving_licence;
    DE_TAX_ID = de_tax_id;
    DE_SOCIAL_SECURITY = de_social_security;
    DE_ID_CARD = de_id_card;
    DE_PASSPORT = de_passport;
    DE_KVNR = de_kvnr;
    FR_NIR = fr_nir;
    FR_SIREN = fr_siren;
    FR_SIRET = fr_siret;
    ES_DNI = es_dni;
    ES_NIE = es_nie;
    ES_CIF = es_cif;
    IT_FISCAL_CODE = it_fiscal_code;
    IT_VAT = it_vat;
    NL_BSN = nl_bsn;
    BE_NATIONAL = be_national;
    AT_SVNR = at_svnr;
    CH_AHV = ch_ahv;
    PT_NIF = pt_nif;
    IE_PPS = ie_pps;
    LU_NIN = lu_nin;
    GR_AFM = gr_afm;
    PL_PESEL = pl_pesel;
    PL_NIP = pl_nip;
    PL_REGON = pl_regon;
    SE_PERSONNUMMER = se_personnummer;
    NO_FNR = no_fnr;
    DK_CPR = dk_cpr;
    FI_HETU = fi_hetu;
    CZ_RC = cz_rc;
    SK_RC = sk_rc;
    RO_CNP = ro_cnp;
    BG_EGN = bg_egn;
    HR_OIB = hr_oib;
    HU_TAJ = hu_taj;
    HU_TAX_ID = hu_tax_id;
    EE_ID = ee_id;
    LT_ID = lt_id;
    SI_EMSO = si_emso;
    TR_TCKN = tr_tckn;
    IL_ID = il_id;
    RU_INN = ru_inn;
    UA_RNOKPP = ua_rnokpp;
    BR_CPF = br_cpf;
    BR_CNPJ = br_cnpj;
    MX_CURP = mx_curp;
    MX_RFC = mx_rfc;
    AR_CUIT = ar_cuit;
    CL_RUT = cl_rut;
    CO_NIT = co_nit;
    CA_SIN = ca_sin;
    IN_AADHAAR = in_aadhaar;
    IN_PAN = in_pan;
    IN_GSTIN = in_gstin;
    AU_TFN = au_tfn;
    AU_ABN = au_abn;
    AU_ACN = au_acn;
    AU_MEDICARE = au_medicare;
    NZ_IRD = nz_ird;
    SG_NRIC = sg_nric;
    SG_FIN = sg_fin;
    KR_RRN = kr_rrn;
    JP_MY_NUMBER = jp_my_number;
    CN_RESIDENT_ID = cn_resident_id;
    HK_ID = hk_id;
    TW_ID = tw_id;
    TH_ID = th_id;
    MY_NRIC = my_nric;
    ID_NIK = id_nik;
    ZA_ID = za_id;
    NG_NIN = ng_nin;
    VIN = vin;
    IMEI = imei;
    ICCID = iccid;
    IMSI = imsi;
    LICENSE_PLATE = license_plate;
    IP_ADDRESS = ip_address;
    MAC_ADDRESS = mac_address;
    URL = url;
    GEO_COORDINATE = geo_coordinate;
    AWS_ACCESS_KEY = aws_access_key;
    AWS_SECRET_KEY = aws_secret_key;
    API_KEY = api_key;
    JWT = jwt;
    PRIVATE_KEY = private_key;
    PASSWORD = password;
    USERNAME = username;
    HANDLE = handle;
    DATE_OF_BIRTH = date_of_birth;
    DATE = date;
    AGE = age;
    MEDICAL_RECORD = medical_record;
    HEALTH_PLAN = health_plan;
    CASE_NUMBER = case_number;
    EMPLOYEE_ID = employee_id;
    ADDRESS = address;
    PERSON = person;
    LOCATION = location;
    ORGANIZATION = organization;
    NRP = nrp;
    LITERAL = literal;
}
