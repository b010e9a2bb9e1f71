//! Dates and times, which become the text that Python's `isoformat` gives them.

use crate::yaml::days_in;

/// What a plain scalar means if it is a date or a time; `None` if it is neither.
pub(super) fn implicit(text: &str) -> Result<Option<String>, String> {
    // Without a time, months and days need both of their digits.
    let short = |time: &Timestamp| time.clock.is_none() && text.len() < "2020-01-02".len();
    match Timestamp::read(text) {
        Some(time) if !short(&time) => time.to_text(text).map(Some),
        _ => Ok(None),
    }
}

/// What a scalar means that a tag says to be a time; `None` if it is none.
pub(super) fn tagged(text: &str) -> Result<Option<String>, String> {
    Timestamp::read(text)
        .map(|time| time.to_text(text))
        .transpose()
}

struct Timestamp {
    year: u32,
    month: u32,
    day: u32,
    clock: Option<Clock>,
}

struct Clock {
    hour: u32,
    minute: u32,
    second: u32,
    /// Up to a million, which is the next second.
    microsecond: u32,
    zone: Option<Zone>,
}

struct Zone {
    west: bool,
    minutes: u32,
}

impl Timestamp {
    /// A text of the form of a time, whether or not there is such a day.
    fn read(text: &str) -> Option<Self> {
        let mut rest = Rest(text);
        let year = rest.number(4, 4)?;
        rest.take("-")?;
        let month = rest.number(1, 2)?;
        rest.take("-")?;
        let day = rest.number(1, 2)?;
        let clock = if rest.0.is_empty() {
            None
        } else {
            Some(Clock::read(&mut rest)?)
        };
        rest.0.is_empty().then_some(Self {
            year,
            month,
            day,
            clock,
        })
    }

    fn to_text(&self, source: &str) -> Result<String, String> {
        let refuse = || format!("there is no time `{source}`; write it in quotes if it is text");
        let is_day = |time: &Self| {
            (1..=9999).contains(&time.year)
                && (1..=days_in(time.year, time.month)).contains(&time.day)
        };
        if !is_day(self) {
            return Err(refuse());
        }
        let Self {
            year, month, day, ..
        } = *self;
        let Some(clock) = &self.clock else {
            return Ok(format!("{year:04}-{month:02}-{day:02}"));
        };
        let zone = clock.zone.as_ref();
        if clock.hour > 23
            || clock.minute > 59
            || clock.second > 59
            || zone.is_some_and(|zone| zone.minutes >= 24 * 60)
        {
            return Err(refuse());
        }
        let (year, month, day, hour, minute, second, microsecond) = self.rounded(clock);
        if year > 9999 {
            return Err(refuse());
        }
        let fraction = match microsecond {
            0 => String::new(),
            _ => format!(".{microsecond:06}"),
        };
        let zone = zone.map_or_else(String::new, |zone| {
            let sign = if zone.west && zone.minutes > 0 {
                '-'
            } else {
                '+'
            };
            format!("{sign}{:02}:{:02}", zone.minutes / 60, zone.minutes % 60)
        });
        Ok(format!(
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}"
        ))
    }

    /// Year, month, day, hour, minute, second and microsecond, after a fraction that rounds up to the next second is carried.
    fn rounded(&self, clock: &Clock) -> (u32, u32, u32, u32, u32, u32, u32) {
        let (mut year, mut month, mut day) = (self.year, self.month, self.day);
        let carry = |value: u32, limit: u32| (value / limit, value % limit);
        let (seconds, microsecond) = carry(clock.microsecond, 1_000_000);
        let (minutes, second) = carry(clock.second + seconds, 60);
        let (hours, minute) = carry(clock.minute + minutes, 60);
        let (days, hour) = carry(clock.hour + hours, 24);
        day += days;
        if day > days_in(year, month) {
            day = 1;
            month += 1;
        }
        if month > 12 {
            month = 1;
            year += 1;
        }
        (year, month, day, hour, minute, second, microsecond)
    }
}

impl Clock {
    /// The time behind a `T` or blanks.
    fn read(rest: &mut Rest<'_>) -> Option<Self> {
        let blanks = rest.skip_blanks();
        if blanks == 0 {
            rest.take("T").or_else(|| rest.take("t"))?;
        }
        let hour = rest.number(1, 2)?;
        rest.take(":")?;
        let minute = rest.number(2, 2)?;
        rest.take(":")?;
        let second = rest.number(2, 2)?;
        let microsecond = match rest.take(".") {
            Some(()) => microseconds(rest.digits()),
            None => 0,
        };
        rest.skip_blanks();
        let zone = Zone::read(rest)?;
        Some(Self {
            hour,
            minute,
            second,
            microsecond,
            zone,
        })
    }
}

impl Zone {
    /// The zone a time ends with; `Some(None)` if it has none.
    #[expect(
        clippy::option_option,
        reason = "that there is no zone is not the same as that it cannot be read"
    )]
    fn read(rest: &mut Rest<'_>) -> Option<Option<Self>> {
        if rest.0.is_empty() {
            return Some(None);
        }
        if rest.take("Z").is_some() {
            let minutes = 0;
            return Some(Some(Self {
                west: false,
                minutes,
            }));
        }
        let west = rest.take("-").is_some();
        if !west {
            rest.take("+")?;
        }
        let hours = rest.number(1, 2)?;
        let minutes = match rest.take(":") {
            Some(()) => rest.number(2, 2)?,
            None => 0,
        };
        Some(Some(Self {
            west,
            minutes: hours * 60 + minutes,
        }))
    }
}

/// The first six digits of a fraction of a second, rounded by the seventh.
fn microseconds(digits: &str) -> u32 {
    let (kept, rest) = digits.split_at(digits.len().min(6));
    let kept = format!("{kept:0<6}").parse().unwrap_or(0);
    kept + u32::from(rest.starts_with(|next: char| next > '4'))
}

/// What is left of a text.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn take(&mut self, text: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    /// Steps over blanks and says how many there were.
    fn skip_blanks(&mut self) -> usize {
        let behind = self.0.trim_start_matches([' ', '\t']);
        let blanks = self.0.len() - behind.len();
        self.0 = behind;
        blanks
    }

    fn digits(&mut self) -> &'a str {
        let behind = self
            .0
            .trim_start_matches(|next: char| next.is_ascii_digit());
        let digits = &self.0[..self.0.len() - behind.len()];
        self.0 = behind;
        digits
    }

    /// A number of so many digits.
    fn number(&mut self, least: usize, most: usize) -> Option<u32> {
        let digits = self.digits();
        if !(least..=most).contains(&digits.len()) {
            return None;
        }
        digits.parse().ok()
    }
}
