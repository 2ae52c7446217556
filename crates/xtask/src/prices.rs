//! `cargo xtask prices`: compiles two public data sets of model prices into the file that the
//! gateway embeds. The rules are in `docs/prices.md`.

mod encode;
#[path = "../../providers/src/price/format.rs"]
#[allow(dead_code, unreachable_pub, reason = "the reader's half of what both sides share")]
mod format;
mod litellm;
mod pico;
mod portkey;

use std::{collections::BTreeMap, fmt, fs, path::PathBuf};

use format::{Class, Mode, ServiceTier};

/// Where the data sets lie and which versions they are.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// LiteLLM's model_prices_and_context_window.json
    #[arg(long, value_name = "FILE")]
    litellm: PathBuf,
    /// The folder `pricing` of Portkey-AI/models
    #[arg(long, value_name = "DIR")]
    portkey: PathBuf,
    /// Release of LiteLLM that FILE is from
    #[arg(long, value_name = "VERSION", default_value = "1.109.1")]
    litellm_version: String,
    /// Commit of Portkey-AI/models that DIR is from
    #[arg(long, value_name = "COMMIT", default_value = "f654307ec968")]
    portkey_commit: String,
    /// Where to write the table
    #[arg(long, value_name = "FILE", default_value = "crates/providers/data/prices.bin")]
    out: PathBuf,
}

/// Compiles the table, writes it and prints what came of it.
pub(crate) fn run(arguments: Arguments) -> Result<(), String> {
    let Arguments { litellm: file, portkey: folder, litellm_version, portkey_commit, out } =
        arguments;
    let mut report = Report::default();
    let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let litellm = litellm::read(&text, &mut report)
        .map_err(|error| format!("{}: {error}", file.display()))?;
    let portkey = portkey::read(&folder, &mut report)?;
    let rows = merge(litellm, portkey, &mut report);
    let origins = [
        format!("litellm {litellm_version}"),
        format!("portkey {portkey_commit}"),
        format!("litellm {litellm_version} + portkey {portkey_commit}"),
    ];
    let bytes = encode::encode(&rows, &origins)?;
    fs::write(&out, &bytes).map_err(|error| format!("{}: {error}", out.display()))?;
    report.bytes = bytes.len();
    print!("{report}");
    Ok(())
}

/// The condition under which a price holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    class: Class,
    tier: ServiceTier,
    /// Index into `format::THRESHOLDS`.
    threshold: u8,
    /// Index into `format::QUALITIES`; of images only.
    quality: u8,
    /// Pixels; of images only.
    size: (u16, u16),
}

/// Prices in pico-dollars.
type Card = BTreeMap<Key, i64>;

/// One model of one provider.
struct Row {
    mode: Mode,
    free: bool,
    card: Card,
    origin: Origin,
}

/// The code of an origin is its position among the three in the header.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    LiteLlm,
    Portkey,
    Both,
}

/// Rows by provider slug and model.
type Rows = BTreeMap<(String, String), Row>;

/// What happened on the way; printed at the end.
#[derive(Default)]
struct Report {
    bytes: usize,
    litellm: usize,
    portkey: usize,
    both: usize,
    agree: usize,
    disagreements: Vec<String>,
    foreign: usize,
    regional: usize,
    implausible: usize,
    rounded: usize,
    unpriced: usize,
    free: usize,
    priced: usize,
    providers: usize,
}

impl Key {
    const fn plain(class: Class) -> Self {
        Self { class, tier: ServiceTier::Standard, threshold: 0, quality: 0, size: (0, 0) }
    }
}

/// A token never costs a thousandth of a dollar or more: such a number is per minute, per page, per
/// search or per thousand tokens.
const IMPLAUSIBLE_TOKEN: i64 = 1_000_000_000;

/// LiteLLM's row wins: its field names say the unit, and it knows more tiers. Where both agree on
/// the plain input and output price, it takes from the other row what it lacks.
fn merge(mut rows: Rows, portkey: Rows, report: &mut Report) -> Rows {
    report.litellm = rows.len();
    report.portkey = portkey.len();
    let modes: BTreeMap<String, Mode> =
        rows.iter().map(|((_, model), row)| (last_part(model).to_owned(), row.mode)).collect();
    for (name, mut theirs) in portkey {
        if theirs.mode == Mode::Unknown
            && let Some(mode) = modes.get(last_part(&name.1))
        {
            theirs.mode = *mode;
        }
        match rows.get_mut(&name) {
            Some(ours) if ours.is_priced() => {
                report.both += usize::from(theirs.is_priced());
                if !theirs.is_priced() {
                    continue;
                }
                let price = |row: &Row, class| row.card.get(&Key::plain(class)).copied();
                let token = [Class::Input, Class::Output];
                if token.into_iter().all(|class| price(ours, class) == price(&theirs, class)) {
                    report.agree += 1;
                    // Where a context becomes long is one source's word only, never a mixture.
                    for (key, pico) in theirs.card.into_iter().filter(|(key, _)| key.threshold == 0)
                    {
                        ours.card.entry(key).or_insert_with(|| {
                            ours.origin = Origin::Both;
                            pico
                        });
                    }
                } else {
                    report.disagreements.push(format!("{} {}", name.0, name.1));
                }
            }
            _ => {
                rows.insert(name, theirs);
            }
        }
    }
    let all = rows.len();
    rows.retain(|_, row| row.is_priced());
    report.unpriced = all - rows.len();
    for row in rows.values_mut() {
        row.complete();
    }
    report.priced = rows.len();
    report.free = rows.values().filter(|row| row.free).count();
    report.providers = rows.keys().map(|(p, _)| p).collect::<std::collections::BTreeSet<_>>().len();
    rows
}

impl Row {
    fn is_priced(&self) -> bool {
        self.free || !self.card.is_empty()
    }

    /// An image model whose only output price is for image tokens puts out nothing else.
    fn complete(&mut self) {
        if self.mode == Mode::Image
            && !self.card.contains_key(&Key::plain(Class::Output))
            && let Some(&pico) = self.card.get(&Key::plain(Class::OutputImage))
        {
            self.card.insert(Key::plain(Class::Output), pico);
        }
    }
}

fn last_part(model: &str) -> &str {
    model.rsplit('/').next().unwrap_or(model)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "priced models         {:6}  ({} of them free)", self.priced, self.free)?;
        writeln!(f, "providers             {:6}", self.providers)?;
        writeln!(f, "bytes                 {:6}", self.bytes)?;
        writeln!(f, "rows from litellm     {:6}", self.litellm)?;
        writeln!(f, "rows from portkey     {:6}", self.portkey)?;
        writeln!(f, "known to both         {:6}", self.both)?;
        writeln!(f, "  same token prices   {:6}", self.agree)?;
        writeln!(
            f,
            "  disagreements       {:6}  (litellm's price taken)",
            self.disagreements.len()
        )?;
        writeln!(f, "dropped: no price     {:6}", self.unpriced)?;
        writeln!(f, "dropped: no such slug {:6}", self.foreign)?;
        writeln!(f, "dropped: one region   {:6}", self.regional)?;
        writeln!(f, "implausible prices    {:6}", self.implausible)?;
        writeln!(f, "rounded to 1e-12 USD  {:6}", self.rounded)?;
        for name in &self.disagreements {
            writeln!(f, "  disagreement: {name}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
