//! A host of the wasm module: compiled once, an instance per call, bounded fuel and memory.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::tools;
use wasmtime::{
    Config, Engine, Instance, Memory, Module, Store, StoreLimits, StoreLimitsBuilder, TypedFunc,
};

/// The most memory an instance may have.
const MEMORY_BYTES: usize = 512 << 20;

/// The most instructions a call may take: a keyless bundle takes about 0.2 billion.
const FUEL: u64 = 200_000_000_000;

/// The compiled module.
#[derive(Debug)]
pub struct Host {
    engine: Engine,
    module: Module,
}

/// Why a call has no answer. A real host refuses then.
#[derive(Debug, thiserror::Error)]
#[error("the module trapped: {0}")]
pub struct Trap(String);

impl From<wasmtime::Error> for Trap {
    fn from(error: wasmtime::Error) -> Self {
        Self(format!("{error:#}"))
    }
}

impl Host {
    /// The module of this checkout, built and compiled once for the whole process.
    ///
    /// `SEALGATE_WASM` names a module that was built before.
    ///
    /// # Panics
    /// If it does not build.
    #[expect(
        clippy::expect_used,
        reason = "without the module there is nothing to test"
    )]
    pub fn shared() -> &'static Self {
        static HOST: OnceLock<Host> = OnceLock::new();
        HOST.get_or_init(|| Self::load(&module_path()).expect("the module compiles"))
    }

    /// Compiles a module.
    ///
    /// # Errors
    /// If it is no wasm module that this host can run.
    pub fn load(path: &Path) -> Result<Self, Trap> {
        let mut config = Config::new();
        config.consume_fuel(true);
        let engine = Engine::new(&config)?;
        let module = Module::from_file(&engine, path)?;
        Ok(Self { engine, module })
    }

    /// What the module wants from its host; it must be nothing.
    pub fn imports(&self) -> Vec<String> {
        self.module
            .imports()
            .map(|import| format!("{}.{}", import.module(), import.name()))
            .collect()
    }

    /// A new instance.
    ///
    /// # Errors
    /// If the module cannot be instantiated without imports.
    pub fn instance(&self) -> Result<Guest, Trap> {
        let limits = StoreLimitsBuilder::new().memory_size(MEMORY_BYTES).build();
        let mut store = Store::new(&self.engine, limits);
        store.limiter(|limits| limits);
        store.set_fuel(FUEL)?;
        let instance = Instance::new(&mut store, &self.module, &[])?;
        let memory = instance
            .get_memory(&mut store, "memory")
            .ok_or_else(|| Trap("no memory is exported".to_owned()))?;
        Ok(Guest {
            alloc: instance.get_typed_func(&mut store, "sealgate_alloc")?,
            free: instance.get_typed_func(&mut store, "sealgate_free")?,
            verify: instance.get_typed_func(&mut store, "sealgate_verify")?,
            info: instance.get_typed_func(&mut store, "sealgate_info")?,
            version: instance.get_typed_func(&mut store, "sealgate_abi_version")?,
            memory,
            store,
        })
    }

    /// Judges a request in an instance of its own.
    ///
    /// # Errors
    /// If the module traps.
    pub fn verify(&self, request: &[u8]) -> Result<Vec<u8>, Trap> {
        self.instance()?.verify(request)
    }
}

/// An instance.
pub struct Guest {
    store: Store<StoreLimits>,
    memory: Memory,
    alloc: TypedFunc<u32, u32>,
    free: TypedFunc<(u32, u32), ()>,
    verify: TypedFunc<(u32, u32), u64>,
    info: TypedFunc<(), u64>,
    version: TypedFunc<(), i32>,
}

impl Guest {
    /// Judges a request.
    ///
    /// # Errors
    /// If the module traps.
    pub fn verify(&mut self, request: &[u8]) -> Result<Vec<u8>, Trap> {
        let len = u32::try_from(request.len()).map_err(|e| Trap(e.to_string()))?;
        let ptr = self.alloc.call(&mut self.store, len)?;
        if ptr != 0 {
            self.memory
                .write(&mut self.store, ptr as usize, request)
                .map_err(|error| Trap(error.to_string()))?;
        }
        let packed = self.verify.call(&mut self.store, (ptr, len))?;
        self.free.call(&mut self.store, (ptr, len))?;
        self.take(packed)
    }

    /// As [`Self::verify`], by a host that writes its request into the room for it, but names
    /// another address and length.
    ///
    /// # Errors
    /// If the module traps.
    pub fn verify_misnamed(
        &mut self,
        request: &[u8],
        name: impl FnOnce(u32, u32) -> (u32, u32),
    ) -> Result<Vec<u8>, Trap> {
        let len = u32::try_from(request.len()).map_err(|e| Trap(e.to_string()))?;
        let ptr = self.alloc.call(&mut self.store, len)?;
        self.memory
            .write(&mut self.store, ptr as usize, request)
            .map_err(|error| Trap(error.to_string()))?;
        let (wrong_ptr, wrong_len) = name(ptr, len);
        let packed = self.verify.call(&mut self.store, (wrong_ptr, wrong_len))?;
        // What is not theirs is not freed, and what is, once.
        self.free.call(&mut self.store, (wrong_ptr, wrong_len))?;
        self.free.call(&mut self.store, (ptr, len))?;
        self.free.call(&mut self.store, (ptr, len))?;
        self.take(packed)
    }

    /// The module's description of itself.
    ///
    /// # Errors
    /// If the module traps.
    pub fn info(&mut self) -> Result<Vec<u8>, Trap> {
        let packed = self.info.call(&mut self.store, ())?;
        self.take(packed)
    }

    /// The version of the ABI.
    ///
    /// # Errors
    /// If the module traps.
    pub fn abi_version(&mut self) -> Result<i32, Trap> {
        Ok(self.version.call(&mut self.store, ())?)
    }

    /// The fuel that is left.
    pub fn fuel_used(&self) -> u64 {
        FUEL.saturating_sub(self.store.get_fuel().unwrap_or(0))
    }

    /// The size of the linear memory, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.memory.data_size(&self.store)
    }

    fn take(&mut self, packed: u64) -> Result<Vec<u8>, Trap> {
        let (ptr, len) = ((packed >> 32) as u32, packed as u32);
        let mut bytes = vec![0; len as usize];
        self.memory
            .read(&self.store, ptr as usize, &mut bytes)
            .map_err(|error| Trap(error.to_string()))?;
        self.free.call(&mut self.store, (ptr, len))?;
        Ok(bytes)
    }
}

const TARGET: &str = "wasm32-unknown-unknown";

/// The module, built from this checkout unless `SEALGATE_WASM` names one. The target is installed
/// if the toolchain does not have it.
///
/// # Panics
/// If it does not build.
#[expect(
    clippy::expect_used,
    clippy::panic,
    reason = "without the module there is nothing to test"
)]
pub fn module_path() -> PathBuf {
    if let Some(path) = std::env::var_os("SEALGATE_WASM") {
        return path.into();
    }
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    if let Err(reason) = install_target(&root) {
        panic!("{reason}");
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--target", TARGET])
        .args(["-p", "sealgate-policy-wasm"])
        .current_dir(&root)
        .status()
        .expect("cargo runs");
    assert!(built.success(), "the wasm module does not build");
    let directory = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    directory
        .join(TARGET)
        .join("release/sealgate_policy_wasm.wasm")
}

/// Adds the target to the toolchain that runs this test, if it lacks it.
///
/// # Errors
/// A line that says what is missing, why it could not be had, and what to type.
fn install_target(root: &Path) -> Result<(), String> {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", TARGET]);
    let folder = tools::run(rustc.current_dir(root)).map_err(|error| error.to_string())?;
    if Path::new(folder.trim()).is_dir() {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", TARGET]).current_dir(root);
    tools::run(&mut rustup).map(drop).map_err(|error| {
        let error = error.to_string();
        let said = error.lines().collect::<Vec<_>>().join("; ");
        format!(
            "the wasm module needs the Rust target {TARGET}: rustup target add {TARGET} ({said})"
        )
    })
}
