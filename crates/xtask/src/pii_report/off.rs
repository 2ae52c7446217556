//! Types that are off unless asked for.

use std::fmt::Write as _;

use portcullis_pii::{Detector, Entity, names::NameKind};

use super::{marked::Marked, named, score, three};
use crate::{step::Outcome, train_pii::corpus::Text};

/// Sets that mark places and organisations, and are no templates.
const SETS: [&str; 4] = ["germeval", "ewt", "wikigold", "bosque"];

/// How well they are found: in the annotated sets, and places and organisations in news and web text.
pub(super) fn table(report: &mut String, texts: &[Text], spans: &[Marked]) -> Outcome {
    let off: Vec<Entity> =
        Entity::all().filter(|it| !it.on_by_default() && *it != Entity::LITERAL).collect();
    let builder = off.iter().fold(Detector::builder(), |builder, it| builder.with(*it));
    let detector = builder.build().map_err(|error| error.to_string())?;
    report.push_str(
        "\n### Types that are off unless asked for\n\n\
         | Type | Set | Marked | Precision | Recall | F1 |\n| --- | --- | ---: | ---: | ---: | ---: |\n",
    );
    let annotated = score(&detector, spans.iter());
    let mut rows: Vec<(&str, &str, _)> =
        off.iter().map(|it| (it.id(), "annotated sets", annotated.entity(it.id()))).collect();
    for (id, kind) in [("LOCATION", NameKind::Location), ("ORGANIZATION", NameKind::Organization)] {
        for set in SETS {
            let of_the_set = texts.iter().filter(|text| text.set == set);
            rows.push((id, set, named(&detector, of_the_set, id, kind)));
        }
    }
    for (id, set, counts) in rows.iter().filter(|(.., counts)| counts.gold > 0) {
        let figures = [counts.precision(), counts.recall(), counts.f(1.0)].map(three);
        let _ = writeln!(report, "| {id} | {set} | {} | {} |", counts.gold, figures.join(" | "));
    }
    Ok(())
}
