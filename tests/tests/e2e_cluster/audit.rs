//! Constraints that do not refuse, and what audit says of what is there already.

use std::time::{Duration, Instant};

use sealgate_tests::e2e::{Expect, Table, wait_until};

use crate::objects::pod;
use crate::world::World;

pub(crate) fn run(world: &World, table: &mut Table) {
    let kubectl = world.kubectl();
    let (bad, _) = world.image("observed");

    let warned = kubectl.create(&pod("warned", "bad", &[&bad]));
    let expect = Expect::Warned("is not signed as the policy demands");
    table.admission("Pod, unsigned, enforcementAction: warn", expect, &warned);
    let observed = kubectl.create(&pod("observed", "bad", &[&bad]));
    let scenario = "Pod, unsigned, enforcementAction: dryrun";
    table.admission(scenario, Expect::Admitted, &observed);
    let good = kubectl.create(&pod("warned", "good", &[&world.signed("audited")]));
    table.admission(
        "Pod, signed, enforcementAction: warn",
        Expect::Admitted,
        &good,
    );

    for constraint in ["warned", "observed"] {
        let began = Instant::now();
        let mut seen = String::new();
        let found = wait_until("audit", Duration::from_secs(60), || {
            let status = &kubectl.get(&["sealgateverifiedimages", constraint])["status"];
            seen = format!("{}: {}", status["totalViolations"], status["violations"]);
            status["totalViolations"] == 1
                && status["violations"][0]["name"] == "bad"
                && seen.contains("is not signed as the policy demands")
        });
        let scenario = format!("audit reports what is {constraint} and runs already");
        let expected = "one violation, of the Pod that is not signed";
        table.row(&scenario, expected, &seen, found.is_ok(), began.elapsed());
    }
}
