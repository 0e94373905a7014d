//! Reading the configuration again: a bad one changes nothing.

use super::config::Config;
use super::health::Weight;
use super::notify::Manager;
use super::service::Daemon;
use crate::export::view::Reload;
use crate::kernel::Targets;
use crate::model::chain;

impl<K: Targets> Daemon<K> {
    /// Reads the files again. Says what came of it.
    pub(super) fn reload(&mut self) -> Result<String, String> {
        Manager::reloading();
        let outcome = self.read_again();
        let time = self.clock.now();
        match &outcome {
            Ok(text) => {
                self.health.works("configuration");
                self.reload = Reload { is_successful: true, last_success: time };
                tracing::info!("configuration read again{text}");
            }
            Err(text) => {
                self.reload.is_successful = false;
                let text = format!("the configuration was not taken over, the one before holds: {text}");
                self.health.fails("configuration", text, time, Weight::Partial);
            }
        }
        self.show(time);
        Manager::ready();
        outcome
    }

    fn read_again(&mut self) -> Result<String, String> {
        let config = Config::read(&self.place).map_err(|error| chain(&error))?;
        let rules = config.all_rules().map_err(|error| chain(&error))?;
        let later = unchangeable(&self.config, &config);
        if config.discovery != self.config.discovery {
            let time = self.clock.now();
            self.watcher.rediscover(config.discovery.clone(), time).map_err(|error| chain(&error))?;
        }
        if rules != self.thresholds.rules() {
            self.thresholds.set_rules(rules);
            self.watcher.alert_on(&self.thresholds.alert_calls()).map_err(|error| chain(&error))?;
            self.workloads.values_mut().for_each(|known| known.is_profile_due = true);
        }
        self.config = config;
        Ok(later)
    }
}

/// The changed values that hold from the next start only.
fn unchangeable(old: &Config, new: &Config) -> String {
    let changed: Vec<_> = [
        ("state", old.state != new.state),
        ("http.listen", old.listen != new.listen),
        ("control.socket", old.socket != new.socket),
        ("metrics", old.metrics != new.metrics),
        ("kernel.pin", old.pin != new.pin),
    ]
    .into_iter()
    .filter_map(|(name, is_changed)| is_changed.then_some(name))
    .collect();
    if changed.is_empty() {
        return String::new();
    }
    format!("; holds from the next start only: {}", changed.join(", "))
}
