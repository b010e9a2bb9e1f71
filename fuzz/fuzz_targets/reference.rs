//! Names: what is read is printed, and the print names the same.
#![no_main]

use std::fmt::Display;
use std::str::FromStr;

use bundle::ocp_versions::{self, MissingLabel};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    prints_what_it_reads::<oci::PullSpec>(input);
    prints_what_it_reads::<oci::Repository>(input);
    prints_what_it_reads::<oci::RegistryHost>(input);
    prints_what_it_reads::<oci::Tag>(input);
    prints_what_it_reads::<oci::Digest>(input);
    prints_what_it_reads::<oci::ImageName>(input);
    prints_what_it_reads::<oci::Arch>(input);
    prints_what_it_reads::<catalog::Version>(input);
    prints_what_it_reads::<catalog::Profile>(input);
    if let Some((range, version)) = input.split_once('\n')
        && let Ok(range) = range.parse::<catalog::VersionRange>()
        && let Ok(version) = version.parse()
    {
        range.contains(&version);
    }
    if let Some((label, version)) = input.split_once('\n')
        && let Ok(index) = version.parse()
    {
        ocp_versions::allows(label, &index, MissingLabel::Refused);
        assert!(ocp_versions::allows("", &index, MissingLabel::Allowed));
    }
    if let Some((left, right)) = input.split_once('\n')
        && let (Ok(left), Ok(right)) = (left.parse(), right.parse::<catalog::Version>())
    {
        let order = right.cmp(&left);
        assert_eq!(catalog::Version::cmp(&left, &right), order.reverse());
    }
});

fn prints_what_it_reads<T: FromStr + Display>(text: &str) {
    let Ok(read) = text.parse::<T>() else {
        return;
    };
    let printed = read.to_string();
    match printed.parse::<T>() {
        Ok(again) => assert_eq!(again.to_string(), printed),
        Err(_) => panic!("`{text}` was read and printed as `{printed}`, which is not read"),
    }
}
