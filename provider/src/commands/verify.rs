//! `sealgate verify IMAGE…`, and `-f FILE`

use std::path::PathBuf;

use super::answer::{self, Output, Printer};
use super::exit::Exit;
use super::inputs::Inputs;
use super::usage::{self, UsageError};
use super::workloads::Workloads;

/// Verify images and print why they passed or failed
///
/// With -f the images are those of Kubernetes manifests: of Pods and of what makes Pods, each in
/// the namespace of its object. What is not looked at is listed. Their registries may be at private
/// addresses only if --registry, --plain-http or --config lists them.
///
/// Exit code: 0 verified, 1 not verified, 2 undecided, 64 usage; of several images the worst.
#[derive(Clone, Debug, clap::Args)]
pub struct VerifyArgs {
    /// Images, as in a Pod
    #[arg(required_unless_present = "file", value_name = "IMAGE")]
    images: Vec<String>,
    /// Kubernetes manifests, YAML or JSON; - is standard input, as of `kubectl get pods -A -o json`
    #[arg(
        short = 'f',
        long = "file",
        value_name = "FILE",
        conflicts_with = "images"
    )]
    file: Vec<PathBuf>,
    /// The namespace that wants to run them; with -f, that of objects that name none
    #[arg(long)]
    namespace: Option<String>,
    /// How to print verdicts
    #[arg(short, long, value_enum, default_value_t = Output::Tree)]
    output: Output,
    #[command(flatten)]
    inputs: Inputs,
}

impl VerifyArgs {
    /// Runs the command.
    pub async fn run(self) -> Exit {
        usage::exit(self.try_run().await)
    }

    async fn try_run(self) -> Result<Exit, UsageError> {
        let config = self.inputs.config()?;
        let rules = self.inputs.rules(config.as_ref())?;
        let trust = rules.trust.clone();
        let namespace = self.namespace.as_deref();
        if !self.file.is_empty() {
            let workloads = Workloads::read(&self.file, namespace)?;
            let fetcher = self
                .inputs
                .registries
                .fetcher(config, &[], trust, rules.now)?
                .for_policies(&rules.policies);
            let report = workloads
                .judge(&fetcher, &rules, &self.inputs.registries)
                .await;
            return Ok(answer::print_report(self.output, &report, &rules.policies));
        }
        let questions = answer::questions(&self.images, namespace)?;
        let references: Vec<_> = questions.iter().map(|q| q.reference.clone()).collect();
        let fetcher = self
            .inputs
            .registries
            .fetcher(config, &references, trust, rules.now)?
            .for_policies(&rules.policies);
        let mut printer = Printer::new(self.output, &rules.policies);
        for question in &questions {
            let image = &question.request.image;
            let progress = answer::progress(image);
            let deadline = self.inputs.registries.deadline();
            let found = answer::of_image(&fetcher, &rules, question, deadline).await;
            progress.finish_and_clear();
            printer.take(image, namespace, found);
        }
        Ok(printer.finish())
    }
}
