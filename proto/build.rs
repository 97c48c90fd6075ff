//! Compiles the `.proto` files without protoc: messages, gRPC clients, and typed clients and server
//! traits for calls over NATS. Refuses a method that does not say who may call it.

use std::{env, error::Error, fmt::Write as _, fs, path::PathBuf};

use prost::Message as _;
use prost_build::{Config, Method, Service, ServiceGenerator};
use prost_reflect::{DescriptorPool, Value};

const ACCESS_OPTION: &str = "valutai.access.v1.access";

/// Methods whose answers the service encodes itself, in part from bytes that are older than they.
const ENCODED: [(&str, &str); 2] = [
    ("PredictionService", "Predict"),
    ("PredictionService", "PredictBatch"),
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=valutai");
    let files = proto_files(PathBuf::from("valutai"))?;
    let mut compiler = protox::Compiler::new(["."])?;
    compiler
        .include_imports(true)
        .include_source_info(true)
        .open_files(&files)?;
    let descriptor = compiler.encode_file_descriptor_set();
    let pool = DescriptorPool::decode(descriptor.as_slice())?;
    require_access(&pool)?;

    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    fs::write(out.join("contract.bin"), &descriptor)?;

    let tonic = tonic_prost_build::configure()
        .build_server(false)
        .service_generator();
    let mut config = Config::new();
    config
        .enable_type_names()
        .include_file("contract.rs")
        .service_generator(Box::new(Both { tonic }));
    config.compile_fds(prost_types::FileDescriptorSet::decode(
        descriptor.as_slice(),
    )?)?;
    Ok(())
}

/// Every `.proto` file below `dir`, sorted, so that builds repeat.
fn proto_files(dir: PathBuf) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    let mut open = vec![dir];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "proto") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn require_access(pool: &DescriptorPool) -> Result<(), Box<dyn Error>> {
    let option = pool
        .get_extension_by_name(ACCESS_OPTION)
        .ok_or("the access option is gone from valutai/access/v1/access.proto")?;
    for service in pool.services() {
        for method in service.methods() {
            let access = method.options().get_extension(&option).into_owned();
            if !matches!(access, Value::EnumNumber(number) if number != 0) {
                return Err(format!(
                    "{}: say who may call it with `option ({ACCESS_OPTION}) = ...;`",
                    method.full_name()
                )
                .into());
            }
        }
    }
    Ok(())
}

/// Writes what tonic writes, and behind it the same service for NATS.
struct Both {
    tonic: Box<dyn ServiceGenerator>,
}

impl ServiceGenerator for Both {
    fn generate(&mut self, service: Service, buf: &mut String) {
        write_nats_service(&service, buf).expect("writing to a string cannot fail");
        self.tonic.generate(service, buf);
    }

    fn finalize(&mut self, buf: &mut String) {
        self.tonic.finalize(buf);
    }
}

fn write_nats_service(service: &Service, buf: &mut String) -> std::fmt::Result {
    let name = &service.name;
    let full_name = format!("{}.{}", service.package, service.proto_name);
    let methods: Vec<_> = service
        .methods
        .iter()
        .filter(|m| !m.client_streaming && !m.server_streaming)
        .collect();
    writeln!(
        buf,
        "/// `{full_name}` over NATS request/reply: the trait a service implements, and the typed client."
    )?;
    writeln!(buf, "pub mod {} {{", nats_module(name))?;
    writeln!(buf, "use crate::rpc::{{Context, Dispatch, Transport}};")?;
    writeln!(
        buf,
        "/// Full protobuf name of the service.\npub const NAME: &str = {full_name:?};"
    )?;

    writeln!(
        buf,
        "/// The unary methods of the service, as it implements them.\n#[async_trait::async_trait]\npub trait {name}: Send + Sync + 'static {{"
    )?;
    for m in &methods {
        let answer = match is_encoded(service, m) {
            true => format!("crate::rpc::Encoded<super::{}>", m.output_type),
            false => format!("super::{}", m.output_type),
        };
        writeln!(
            buf,
            "/// {}\nasync fn {}(&self, context: Context, request: super::{}) -> Result<{answer}, tonic::Status>;",
            m.comments.leading.concat().trim(),
            m.name,
            m.input_type,
        )?;
    }
    writeln!(buf, "}}")?;

    writeln!(
        buf,
        "/// Turns raw calls into typed ones.\n#[derive(Debug)]\npub struct Server<S>(pub S);"
    )?;
    writeln!(
        buf,
        "#[async_trait::async_trait]\nimpl<S: {name}> Dispatch for Server<S> {{"
    )?;
    writeln!(buf, "fn service(&self) -> &'static str {{ NAME }}")?;
    writeln!(
        buf,
        "async fn dispatch(&self, method: &str, context: Context, request: bytes::Bytes) -> Result<Vec<u8>, tonic::Status> {{ match method {{"
    )?;
    for m in &methods {
        let encode = match is_encoded(service, m) {
            true => "crate::rpc::Encoded::into_bytes(answer)",
            false => "crate::rpc::encode(&answer)",
        };
        writeln!(
            buf,
            "{:?} => {{ let answer = self.0.{}(context, crate::rpc::decode(request)?).await?; Ok({encode}) }}",
            m.proto_name, m.name
        )?;
    }
    writeln!(
        buf,
        "_ => Err(crate::rpc::unknown_method(NAME, method)), }} }} }}"
    )?;

    writeln!(
        buf,
        "/// Calls the service through a transport.\n#[derive(Debug, Clone)]\npub struct Client<T>(pub T);"
    )?;
    writeln!(buf, "impl<T: Transport> Client<T> {{")?;
    for m in &methods {
        writeln!(
            buf,
            "/// {}\npub async fn {}(&self, context: &Context, request: super::{}) -> Result<super::{}, tonic::Status> {{ crate::rpc::decode(self.0.call(NAME, {:?}, context, crate::rpc::encode(&request)).await?) }}",
            m.comments.leading.concat().trim(),
            m.name,
            m.input_type,
            m.output_type,
            m.proto_name
        )?;
    }
    writeln!(buf, "}}\n}}")
}

fn is_encoded(service: &Service, method: &Method) -> bool {
    ENCODED.contains(&(&service.proto_name, &method.proto_name))
}

fn nats_module(service: &str) -> String {
    let stem = service.strip_suffix("Service").unwrap_or(service);
    format!("{}_nats", stem.to_lowercase())
}
