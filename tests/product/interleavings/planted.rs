//! Faults that are planted are found, each by itself: at the destination something is lost that was written.

use std::collections::BTreeMap;

use super::round::Round;

/// A fault as the body of a trigger before each row.
struct Planted {
    name: &'static str,
    body: &'static str,
}

const PLANTED: [Planted; 4] = [
    Planted {
        name: "a row is not written",
        body: "IF TG_OP = 'INSERT' AND NEW.id % 7 = 3 THEN RETURN NULL; END IF;",
    },
    Planted {
        name: "a change is not written",
        body: "IF TG_OP = 'UPDATE' AND NEW.id % 5 = 2 THEN RETURN NULL; END IF;",
    },
    Planted {
        name: "a row is not deleted",
        body: "IF TG_OP = 'DELETE' AND OLD.id % 3 = 0 THEN RETURN NULL; END IF;",
    },
    Planted {
        name: "a value is not written",
        body: "IF TG_OP = 'UPDATE' AND NEW.part <> OLD.part THEN NEW.part := OLD.part; END IF;",
    },
];

/// Each table that the pipeline makes gets one of the faults, by the number in its name.
fn plant(round: &Round) {
    let bodies = PLANTED.iter().enumerate().map(|(at, planted)| {
        format!(
            "CREATE FUNCTION planted.fault_{at}() RETURNS trigger LANGUAGE plpgsql AS $fault$BEGIN {} \
             IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END$fault$;",
            planted.body
        )
    });
    round.databases.at_destination(&format!(
        "CREATE SCHEMA planted; {} CREATE FUNCTION planted.plant() RETURNS event_trigger LANGUAGE plpgsql AS \
         $plant$DECLARE it record; BEGIN
             FOR it IN SELECT c.relname FROM pg_event_trigger_ddl_commands() d JOIN pg_class c ON c.oid = d.objid
                 WHERE c.relkind = 'r' AND c.relname ~ '^t[0-9]+$' LOOP
                 EXECUTE format('CREATE TRIGGER fault BEFORE INSERT OR UPDATE OR DELETE ON public.%I
                     FOR EACH ROW EXECUTE FUNCTION planted.fault_%s()', it.relname,
                     substr(it.relname, 2)::int % {});
             END LOOP; END$plant$;
         CREATE EVENT TRIGGER plant ON ddl_command_end WHEN TAG IN ('CREATE TABLE')
             EXECUTE FUNCTION planted.plant()",
        bodies.collect::<String>(),
        PLANTED.len()
    ));
}

#[test]
fn planted_faults_are_found() {
    let mut found = BTreeMap::<&str, usize>::new();
    // A history need not have what brings a fault to light.
    for seed in 0..5 {
        let mut round = Round::new(seed);
        plant(&round);
        round.tell();
        for fault in round.faults(&mut BTreeMap::new()) {
            let number: usize = fault.table.trim_start_matches('t').parse().unwrap();
            *found.entry(PLANTED[number % PLANTED.len()].name).or_default() += 1;
        }
        if found.len() == PLANTED.len() {
            break;
        }
    }
    println!("found: {found:?}");
    assert_eq!(found.len(), PLANTED.len(), "found only {found:?}");
}
