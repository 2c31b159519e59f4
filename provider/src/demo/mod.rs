//! `sealgate demo`: the whole product in one process, for real.
//!
//! A registry with signed, unsigned and tampered images; the provider, over mutual TLS; and
//! the ConstraintTemplate's Rego, asked as Gatekeeper asks. Nothing leaves the machine.

mod cluster;
mod scenario;
mod shop;
mod table;

use std::error::Error;
use std::path::PathBuf;

use clap::Args;

use crate::commands::exit::Exit;
use cluster::Cluster;
use scenario::Scene;
use shop::Shop;

/// Show who is let in and who is not, with everything in one process
///
/// Needs nothing but this program: no network, nothing installed.
#[derive(Clone, Debug, Args)]
pub struct Demo {
    /// Go on serving when the show is over, and print a line to try
    #[arg(long)]
    keep: bool,
}

impl Demo {
    /// Runs the show. It fails if anything goes otherwise than it should.
    pub async fn run(self) -> Exit {
        match self.show().await {
            Ok(exit) => exit,
            Err(error) => {
                eprintln!("the demo could not run: {error}");
                Exit::Undecided
            }
        }
    }

    async fn show(&self) -> Result<Exit, Box<dyn Error>> {
        let directory = tempfile::tempdir()?;
        let shop = Shop::open().await?;
        let cluster = Cluster::start(directory.path(), &shop).await?;
        println!(
            "A registry at {}, sealgate at https://{} (mutual TLS), and the Rego of\n\
             rego/verified-images/template.yaml, which asks it as Gatekeeper does.\n",
            shop.host(),
            cluster.address()
        );
        let mut scenes: Vec<Scene> = Vec::new();
        for scene in scenario::all() {
            scene.prepare(&shop).await;
            let admission = cluster.admit(scene.object(&shop)).await?;
            scenes.push(scene.seen(admission));
            shop.recover();
        }
        print!("{}", table::draw(&scenes));
        let surprises = scenes.iter().filter(|scene| !scene.as_expected()).count();
        if surprises > 0 {
            println!(
                "\n{surprises} of {} went otherwise than expected.",
                scenes.len()
            );
            return Ok(Exit::NotVerified);
        }
        println!("\nAll {} went as they should.", scenes.len());
        if self.keep {
            keep(&cluster, &shop, directory.keep()).await?;
        }
        Ok(Exit::Verified)
    }
}

/// Goes on serving until it is interrupted.
async fn keep(cluster: &Cluster, shop: &Shop, files: PathBuf) -> Result<(), Box<dyn Error>> {
    println!(
        "\nStill serving. Ask it yourself, with the certificates in {dir}:\n\n\
         curl -s --cacert {dir}/certs/ca.crt --cert {dir}/client.crt --key {dir}/client.key \\\n  \
         https://localhost:{port}/v1/verify -d '{{\"images\": [\"{image}\"]}}'\n\n\
         Ctrl-C ends it.",
        dir = files.display(),
        port = cluster.address().port(),
        image = shop.image("signed", "1.0"),
    );
    tokio::signal::ctrl_c().await?;
    std::fs::remove_dir_all(&files)?;
    Ok(())
}
