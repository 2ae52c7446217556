//! The compiled configuration.

use std::{collections::HashSet, net::IpAddr};

use crate::{
    custom::{ConfigError, Custom, CustomType, LONGEST_CUSTOM, MOST_WORDS},
    entity::Entity,
    names::NameKind,
    scan::Plan,
};

/// What to look for, compiled. It is shared between threads; each scans with a [`Scanner`] of its
/// own.
pub struct Detector {
    pub(crate) plan: Plan,
    /// Log odds from which on a candidate is a finding, by type; infinite for what is not looked for.
    pub(crate) thresholds: Vec<f32>,
    pub(crate) names: bool,
    /// The same for names, as probabilities, by kind.
    pub(crate) name_thresholds: [f32; 4],
    pub(crate) custom: Option<Custom>,
    /// Values that are no findings, in small letters.
    allowed: HashSet<String>,
    /// Addresses that lead nowhere from outside are no findings.
    allows_private: bool,
    /// Literal placeholders are findings.
    literals: bool,
}

/// A configuration in the making.
pub struct Builder {
    on: Vec<bool>,
    thresholds: Vec<f32>,
    custom: Vec<CustomType>,
    allowed: Vec<String>,
    allows_private: bool,
}

/// The threshold of a type that no other is set for.
pub const DEFAULT_THRESHOLD: f32 = 0.5;

/// What looks like an address by its words alone, with no number that the grammar knows, needs at
/// least this score.
const ADDRESS_ALONE: f32 = 0.85;

impl Default for Detector {
    /// Looks for all types that are on by default.
    fn default() -> Self {
        let built = Self::builder().build();
        built.unwrap_or_else(|_| unreachable!("the defaults are valid"))
    }
}

impl Detector {
    /// Starts a configuration with the types that are on by default.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            on: Entity::all().map(Entity::on_by_default).collect(),
            thresholds: vec![DEFAULT_THRESHOLD; Entity::BUILT_IN],
            custom: Vec::new(),
            allowed: Vec::new(),
            allows_private: false,
        }
    }

    /// The id of a type, custom ones too.
    #[must_use]
    pub fn id(&self, entity: Entity) -> &str {
        let custom = entity.index().checked_sub(Entity::BUILT_IN);
        custom
            .and_then(|index| self.custom.as_ref()?.ids().get(index))
            .map_or(entity.id(), String::as_str)
    }

    /// Whether a type is looked for.
    #[must_use]
    pub fn looks_for(&self, entity: Entity) -> bool {
        let found = self.thresholds.get(entity.index()).is_some_and(|it| it.is_finite());
        found && self.reports(entity)
    }

    /// Whether a value of a type is known to be harmless. A placeholder of the text itself never is.
    pub(crate) fn allows(&self, entity: Entity, value: &[u8]) -> bool {
        if self.allows_private && entity == Entity::IP_ADDRESS && is_private(value) {
            return true;
        }
        !self.allowed.is_empty()
            && entity != Entity::LITERAL
            && value.len() <= LONGEST_CUSTOM
            && self.allowed.contains(&String::from_utf8_lossy(value).to_lowercase())
    }

    /// Whether what is found of a type is reported.
    pub(crate) fn reports(&self, entity: Entity) -> bool {
        entity != Entity::LITERAL || self.literals
    }
}

impl Builder {
    /// Looks for these types and no others; custom ones stay.
    #[must_use]
    pub fn only(mut self, entities: &[Entity]) -> Self {
        for (index, on) in self.on.iter_mut().enumerate() {
            *on = entities.iter().any(|entity| entity.index() == index);
        }
        self
    }

    /// Looks for this type, too.
    #[must_use]
    pub fn with(self, entity: Entity) -> Self {
        self.switch(entity, true)
    }

    /// Does not look for this type.
    #[must_use]
    pub fn without(self, entity: Entity) -> Self {
        self.switch(entity, false)
    }

    /// Findings of this type need at least this score. Fails when it is no probability.
    pub fn threshold(mut self, entity: Entity, score: f32) -> Result<Self, ConfigError> {
        if !(0.0..=1.0).contains(&score) {
            return Err(ConfigError::Threshold);
        }
        if let Some(threshold) = self.thresholds.get_mut(entity.index()) {
            *threshold = score;
        }
        Ok(self)
    }

    /// Looks for a type of one's own, too.
    #[must_use]
    pub fn custom(mut self, custom: CustomType) -> Self {
        self.custom.push(custom);
        self
    }

    /// Does not report this value, whatever its type: the address of one's own support desk, a number
    /// used in examples. It has to be what would be found, in either case.
    #[must_use]
    pub fn allow(mut self, value: &str) -> Self {
        self.allowed.push(value.to_lowercase());
        self
    }

    /// Does not report addresses of private networks, of the machine itself and of its link (RFC 1918,
    /// 4193, 3927, 4291): they say where a machine is within a network, and nothing from outside.
    #[must_use]
    pub fn allow_private_addresses(mut self) -> Self {
        self.allows_private = true;
        self
    }

    /// Compiles. Fails when a custom type or an allowed value is not valid.
    pub fn build(self) -> Result<Detector, ConfigError> {
        let custom = if self.custom.is_empty() { None } else { Some(Custom::new(&self.custom)?) };
        if self.allowed.len() > MOST_WORDS {
            return Err(ConfigError::Words);
        }
        let wrong = |it: &String| it.trim().is_empty() || it.len() > LONGEST_CUSTOM;
        if let Some(index) = self.allowed.iter().position(wrong) {
            return Err(ConfigError::Allowed { number: index + 1 });
        }
        let allowed = self.allowed.into_iter().collect();
        // Literal placeholders are always looked for: whoever redacts has to know them.
        let looked_for = |it: &Entity| self.on[it.index()] || *it == Entity::LITERAL;
        let entities: Vec<Entity> = Entity::all().filter(looked_for).collect();
        let mut thresholds = vec![f32::INFINITY; Entity::BUILT_IN + self.custom.len()];
        for entity in &entities {
            thresholds[entity.index()] = log_odds(self.thresholds[entity.index()]);
        }
        let named = [Entity::PERSON, Entity::ADDRESS, Entity::LOCATION, Entity::ORGANIZATION];
        let mut name_thresholds = named.map(|entity| {
            if self.on[entity.index()] { self.thresholds[entity.index()] } else { f32::INFINITY }
        });
        let address = &mut name_thresholds[NameKind::Address as usize];
        *address = address.max(ADDRESS_ALONE);
        let names = name_thresholds.iter().any(|it| it.is_finite());
        let literals = self.on[Entity::LITERAL.index()];
        let plan = Plan::new(&entities);
        Ok(Detector {
            plan,
            thresholds,
            names,
            name_thresholds,
            custom,
            allowed,
            allows_private: self.allows_private,
            literals,
        })
    }

    fn switch(mut self, entity: Entity, to: bool) -> Self {
        if let Some(on) = self.on.get_mut(entity.index()) {
            *on = to;
        }
        self
    }
}

fn is_private(value: &[u8]) -> bool {
    let address = std::str::from_utf8(value).ok().and_then(|text| text.parse::<IpAddr>().ok());
    address.is_some_and(|address| match address.to_canonical() {
        IpAddr::V4(four) => four.is_private() || four.is_loopback() || four.is_link_local(),
        IpAddr::V6(six) => {
            six.is_loopback() || six.is_unique_local() || six.is_unicast_link_local()
        }
    })
}

fn log_odds(score: f32) -> f32 {
    if score <= 0.0 { f32::MIN } else { (score / (1.0 - score)).ln().min(f32::MAX) }
}
