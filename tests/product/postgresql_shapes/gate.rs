//! Stops the first copy of each table in its middle, until it is let go.

use std::{
    thread,
    thread::sleep,
    time::{Duration, Instant},
};

use cartridge_warp_tests::{Databases, Session, wait_until};

use super::{PATIENCE, forms::Form};

/// The row at which a table's copy waits.
const ROW: u32 = 700;

/// Makes the destination's tables wait, each for a lock of its own.
const TRIGGERS: &str = "
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM pg_advisory_xact_lock_shared(1, hashtext(TG_TABLE_NAME)); RETURN NEW; END $$;
    CREATE FUNCTION made() RETURNS event_trigger LANGUAGE plpgsql AS $$ DECLARE name text; BEGIN
        SELECT objid::regclass INTO name FROM pg_event_trigger_ddl_commands()
            WHERE object_identity ~ '[.]t_';
        IF name IS NOT NULL THEN
            EXECUTE format('CREATE TRIGGER wait BEFORE INSERT ON %s FOR EACH ROW WHEN (NEW.%s::text = ''$row'')
                EXECUTE FUNCTION public.wait()', name, (SELECT quote_ident(attname) FROM pg_attribute
                WHERE attrelid = name::regclass AND attnum = 1));
        END IF; END $$;
    CREATE EVENT TRIGGER made ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION made()";

pub struct Gates<'a> {
    databases: &'a Databases,
    holder: Session,
}

impl<'a> Gates<'a> {
    /// Shuts the gates of tables that are not there yet.
    pub fn shut(databases: &'a Databases, forms: &[&Form]) -> Self {
        databases.at_destination(&TRIGGERS.replace("$row", &ROW.to_string()));
        let mut holder = databases.session_at_destination();
        for form in forms {
            holder.write(&format!("SELECT pg_advisory_lock(1, hashtext('{}'));", form.table()));
        }
        let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1 AND \
                    granted AND mode = 'ExclusiveLock'";
        let all = [forms.len().to_string()];
        wait_until("the gates are shut", || databases.at_destination(held) == all);
        Self { databases, holder }
    }

    /// The tables that wait now.
    fn waiting(&self) -> Vec<u32> {
        let sql = "SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND classid = 1 AND \
                   NOT granted";
        self.databases.at_destination(sql).iter().map(|line| line.parse().unwrap()).collect()
    }

    /// Waits until a copy does.
    pub fn wait(&self) {
        wait_until("a copy waits", || !self.waiting().is_empty());
    }

    /// Does this to each table while its copy waits.
    pub fn change(mut self, forms: &[&Form], sql: impl Fn(&Form) -> String) {
        let names: Vec<String> = forms.iter().map(|form| format!("'{}'", form.table())).collect();
        let hashes = format!("SELECT hashtext(t)::oid FROM unnest(ARRAY[{}]) t", names.join(", "));
        let hashes = self.databases.at_destination(&hashes);
        let mut left: Vec<(u32, &Form)> =
            hashes.iter().zip(forms).map(|(hash, form)| (hash.parse().unwrap(), *form)).collect();
        let start = Instant::now();
        while !left.is_empty() {
            let waiting = self.waiting();
            let here: Vec<&Form> = left
                .iter()
                .filter(|(hash, _)| waiting.contains(hash))
                .map(|(_, form)| *form)
                .collect();
            left.retain(|(hash, _)| !waiting.contains(hash));
            if here.is_empty() {
                let names: Vec<&str> = left.iter().map(|(_, form)| form.name).collect();
                assert!(start.elapsed() < PATIENCE, "never copied: {names:?}");
                sleep(Duration::from_millis(10));
            }
            for form in here {
                self.pass(form, &sql(form));
            }
        }
    }

    /// Runs SQL at the source and lets a table's copy go on. The copy may hold the table meanwhile,
    /// and then it goes on first.
    fn pass(&mut self, form: &Form, sql: &str) {
        let databases = self.databases;
        thread::scope(|scope| {
            let change = scope.spawn(move || databases.at_source(sql));
            let waits = "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype <> 'virtualxid'";
            wait_until("the change is made or waits", || {
                change.is_finished() || !databases.at_source(waits).is_empty()
            });
            let go = format!("SELECT pg_advisory_unlock(1, hashtext('{}'));", form.table());
            self.holder.write(&go);
        });
    }
}
