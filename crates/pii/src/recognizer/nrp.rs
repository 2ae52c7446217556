//! Nationality, religion, political leaning and origin of people: words, nothing more. Off by default.

use super::{Recognizer, Site};
use crate::{
    Entity,
    entity::Group,
    scan::{Cx, Sink},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "NRP",
    group: Group::Identity,
    title: "nationality, religion or political group",
    validator: "list of words",
    example: "Icelandic",
    on: false,
    sites: &[Site::Literal(WORDS, word)],
    cues: "nationality, citizen, citizenship, passport, religion, religious, faith, ethnicity, ethnic, \
        origin, party, voter, nationalität, staatsangehörigkeit, religion, \
        nationalité, nacionalidad, religión, nationaliteit, nacionalidade, nazionalità, religione",
    against: "language, translate, translation, grammar, dictionary, keyboard, locale, subtitles, \
        sprache, langue, idioma, taal, lingua",
    ..Recognizer::BLANK
};

/// A word of the list, whole; two in a row are one span.
fn word(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte >= 0x80 || byte == b'_';
    let before = cx.before(at);
    if letter(before) || before == b'-' {
        return;
    }
    let mut end = cx.run(at, LONGEST, letter);
    if !listed(cx.slice(at, end)) {
        return;
    }
    if matches!(cx.at(end), b' ' | b'-') {
        let next = cx.run(end + 1, LONGEST, letter);
        if listed(cx.slice(end + 1, next)) {
            end = next;
        }
    }
    cx.offer(sink, (at, end), Entity::NRP, 1.0, false);
}

/// Whether this is one of the words, or several people of one.
fn listed(word: &[u8]) -> bool {
    let one = word.strip_suffix(b"s").unwrap_or(word);
    [word, one].iter().any(|it| WORDS.binary_search_by(|known| known.as_bytes().cmp(it)).is_ok())
}

/// Longer words are in no list, bytes.
const LONGEST: usize = 24;

/// In the order of their bytes.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "Aboriginal", "Afghan", "African", "Agnostic", "Albanian", "Algerian", "American", "Andorran",
    "Anglican", "Angolan", "Arab", "Argentine", "Argentinian", "Armenian", "Asian", "Atheist",
    "Australian", "Austrian", "Azerbaijani", "Bahamian", "Bahraini", "Bangladeshi", "Baptist",
    "Barbadian", "Belarusian", "Belgian", "Belizean", "Belizian", "Beninese", "Bhutanese",
    "Bolivian", "Bosnian", "Brazilian", "British", "Bruneian", "Buddhist", "Bulgarian", "Burmese",
    "Burundian", "Cambodian", "Cameroonian", "Canadian", "Catholic", "Caucasian", "Chadian",
    "Chechen", "Chilean", "Chinese", "Christian", "Christin", "Colombian", "Communist", "Congolese",
    "Conservative", "Croatian", "Cuban", "Cypriot", "Czech", "Danish", "Democrat", "Deutsche",
    "Deutscher", "Dominican", "Dutch", "Ecuadorian", "Egyptian", "English", "Engländer",
    "Engländerin", "Eritrean", "Estonian", "Ethiopian", "European", "Evangelical", "Fijian",
    "Filipino", "Finnish", "Franzose", "Französin", "French", "Gabonese", "Gambian", "Georgian",
    "German", "Ghanaian", "Greek", "Greenlander", "Grenadian", "Grieche", "Griechin", "Guatemalan",
    "Guinean", "Guyanese", "Haitian", "Hindu", "Hinduist", "Hispanic", "Honduran", "Hungarian",
    "Icelander", "Icelandic", "Indian", "Indonesian", "Inuit", "Iranian", "Iraqi", "Irish",
    "Islamic", "Israeli", "Italian", "Italiener", "Italienerin", "Ivorian", "Jain", "Jamaican",
    "Japanese", "Jewish", "Jordanian", "Jude", "Jüdin", "Katholik", "Katholikin", "Kazakh",
    "Kenyan", "Korean", "Kosovar", "Kurdish", "Kuwaiti", "Kyrgyz", "Lao", "Laotian", "Latina",
    "Latino", "Latinx", "Latvian", "Lebanese", "Liberian", "Libertarian", "Libyan", "Lithuanian",
    "Lutheran", "Luxembourger", "Macedonian", "Malagasy", "Malawian", "Malaysian", "Maldivian",
    "Malian", "Maltese", "Maori", "Marxist", "Mauritanian", "Mauritian", "Methodist", "Mexican",
    "Moldovan", "Mongolian", "Montenegrin", "Mormon", "Moroccan", "Moslem", "Mozambican", "Muslim",
    "Muslimin", "Namibian", "Nepalese", "Nepali", "Nicaraguan", "Niederländer", "Niederländerin",
    "Nigerian", "Nigerien", "Norwegian", "Omani", "Orthodox", "Pakistani", "Palestinian",
    "Panamanian", "Papuan", "Paraguayan", "Peruvian", "Pole", "Polin", "Polish", "Portuguese",
    "Protestant", "Protestantin", "Qatari", "Quaker", "Republican", "Roma", "Romanian", "Russe",
    "Russian", "Russin", "Rwandan", "Salvadoran", "Samoan", "Saudi", "Schweizer", "Schweizerin",
    "Scottish", "Senegalese", "Serbian", "Shia", "Sikh", "Singaporean", "Slovak", "Slovakian",
    "Slovene", "Slovenian", "Socialist", "Somali", "Spanier", "Spanierin", "Spanish", "Sudanese",
    "Sunni", "Surinamese", "Swedish", "Swiss", "Syrer", "Syrerin", "Syrian", "Taiwanese", "Tajik",
    "Tamil", "Tanzanian", "Taoist", "Thai", "Tibetan", "Togolese", "Tongan", "Tunisian", "Turkish",
    "Turkmen", "Türke", "Türkin", "Ugandan", "Ukrainer", "Ukrainerin", "Ukrainian", "Uruguayan",
    "Uzbek", "Venezuelan", "Vietnamese", "Welsh", "Yemeni", "Zambian", "Zimbabwean", "aboriginal",
    "afghan", "african", "agnostic", "albanese", "albanian", "alemana", "alemán", "alemã", "alemão",
    "algerian", "algérien", "algérienne", "allemand", "allemande", "american", "andorran",
    "anglais", "anglaise", "anglican", "angolan", "angolana", "angolano", "arab", "argentine",
    "argentinian", "argentino", "armenian", "asian", "atheist", "australian", "austrian",
    "azerbaijani", "bahamian", "bahraini", "bangladeshi", "baptist", "barbadian", "belarusian",
    "belge", "belgian", "belgisch", "belizean", "belizian", "beninese", "bhutanese", "bolivian",
    "bosnian", "bouddhiste", "brasileira", "brasileiro", "brazilian", "british", "bruneian",
    "buddhist", "budista", "bulgarian", "burmese", "burundian", "cambodian", "cameroonian",
    "canadian", "catholic", "catholique", "cattolica", "cattolico", "católica", "católico",
    "caucasian", "chadian", "chechen", "chilean", "chilena", "chileno", "chinese", "christelijk",
    "christian", "chrétien", "chrétienne", "colombian", "colombiano", "communist", "congolese",
    "cristiana", "cristiano", "croatian", "cuban", "cypriot", "czech", "danish", "democrat",
    "deutsch", "dominican", "duits", "duitse", "dutch", "ebrea", "ebreo", "ecuadorian", "egyptian",
    "engels", "english", "eritrean", "espagnol", "espagnole", "español", "española", "estonian",
    "ethiopian", "evangelical", "evangelisch", "evangélica", "evangélico", "fijian", "filipino",
    "finnish", "francesa", "francese", "francés", "francês", "frans", "franse", "französisch",
    "français", "française", "french", "gabonese", "gambian", "german", "ghanaian", "greek",
    "greenlander", "grenadian", "griechisch", "guatemalan", "guinean", "guyanese", "haitian",
    "hindu", "hispanic", "honduran", "hungarian", "icelander", "icelandic", "indian", "indonesian",
    "inglesa", "inglese", "inglés", "inuit", "iranian", "iraqi", "irish", "islamic", "islamitisch",
    "israeli", "italiaans", "italian", "italiana", "italiano", "italien", "italienisch",
    "italienne", "ivorian", "jamaican", "japanese", "jewish", "joods", "jordanian", "judeu",
    "judia", "judía", "judío", "juif", "juive", "jüdisch", "katholiek", "katholisch", "kazakh",
    "kenyan", "korean", "kosovar", "kurdish", "kuwaiti", "kyrgyz", "laotian", "latina", "latino",
    "latinx", "latvian", "lebanese", "liberian", "libertarian", "libyan", "lithuanian", "lutheran",
    "luxembourger", "macedonian", "malagasy", "malawian", "malaysian", "maldivian", "malian",
    "maltese", "maori", "marocain", "marocaine", "marocchina", "marocchino", "marokkaans",
    "marroquí", "marxist", "mauritanian", "mauritian", "methodist", "mexican", "mexicana",
    "mexicano", "moldovan", "mongolian", "montenegrin", "mormon", "moroccan", "mozambican",
    "moçambicano", "muslim", "muslimisch", "musulman", "musulmana", "musulmane", "musulmano",
    "musulmán", "muçulmana", "muçulmano", "namibian", "nederlands", "nederlandse", "nepalese",
    "nepali", "nicaraguan", "nigerian", "nigerien", "norwegian", "néerlandais", "néerlandaise",
    "omani", "pakistani", "palestinian", "panamanian", "papuan", "paraguayan", "peruana", "peruano",
    "peruvian", "polnisch", "polonais", "polonaise", "portoghese", "portugais", "portugaise",
    "portuguesa", "portuguese", "portugués", "português", "protestant", "protestants", "qatari",
    "quaker", "republican", "romanian", "rumena", "rumeno", "russe", "russian", "russisch",
    "rwandan", "salvadoran", "samoan", "saudi", "scottish", "senegalese", "serbian", "shia", "sikh",
    "singaporean", "slovak", "slovakian", "slovene", "slovenian", "socialist", "somali", "spaans",
    "spaanse", "spagnola", "spagnolo", "spanisch", "spanish", "sudanese", "suisse", "sunni",
    "surinaams", "surinamese", "swedish", "swiss", "syrian", "syrisch", "sénégalais", "taiwanese",
    "tajik", "tamil", "tanzanian", "taoist", "tedesca", "tedesco", "tibetan", "togolese", "tongan",
    "tunisian", "tunisien", "tunisienne", "turc", "turkish", "turkmen", "turks", "turque",
    "türkisch", "ugandan", "ukrainian", "ukrainisch", "uruguayan", "uzbek", "venezolana",
    "venezolano", "venezuelan", "vietnamese", "welsh", "yemeni", "zambian", "zimbabwean",
    "Österreicher", "Österreicherin", "österreichisch",
];

#[cfg(test)]
mod tests {
    #[test]
    fn the_list_is_in_order() {
        assert!(super::WORDS.is_sorted_by(|a, b| a.as_bytes() < b.as_bytes()));
        assert!(
            super::listed(b"Icelandic") && super::listed(b"Germans") && !super::listed(b"germane")
        );
    }
}
