//! Writes the IGVM file with the `igvm` crate.
//!
//! Order is what gets measured, so it is fixed here: all parameter and memory directives first (QEMU would otherwise launch a parameter
//! page ahead of the page run before it), then the SVSM's pages, then the guest's, each ascending, then the boot processor's state. The
//! same inputs give the same bytes.

use anyhow::{Context, Result, anyhow};
use igvm::{IgvmDirectiveHeader, IgvmFile, IgvmInitializationHeader, IgvmPlatformHeader, IgvmRevision};
use igvm_defs::{
    IGVM_VHS_PARAMETER, IGVM_VHS_PARAMETER_INSERT, IGVM_VHS_SUPPORTED_PLATFORM, IgvmPageDataFlags, IgvmPageDataType,
    IgvmPlatformType,
};
use svsm_proto::launch_info::{CPUID_GPA, MEMORY_MAP_GPA, REGION_GPA, SECRETS_GPA, VP_COUNT_GPA};
use svsm_proto::report::Policy;

use crate::digest::{PAGE_SIZE, VMSA_GPA};
use crate::elf::Pages;
use crate::layout::{Inputs, Layout};
use crate::vmsa;

/// The only platform in the file.
const SNP_MASK: u32 = 1;
const MEMORY_MAP_AREA: u32 = 0;
const VP_COUNT_AREA: u32 = 1;

/// Guest policy of the image: SMT allowed, no debugging, no migration agent. QEMU must be given the same value.
pub const GUEST_POLICY: u64 = Policy::SMT.union(Policy::RESERVED_ONE).bits();

/// A finished image.
#[derive(Debug, Clone)]
pub struct Image {
    /// The IGVM file.
    pub file: Vec<u8>,
    /// What was placed where.
    pub layout: Layout,
}

/// Builds an image.
pub fn build(inputs: &Inputs<'_>) -> Result<Image> {
    let layout = Layout::new(inputs)?;
    let mut directives = parameters();
    directives.push(IgvmDirectiveHeader::RequiredMemory {
        gpa: layout.info.free_gpa,
        compatibility_mask: SNP_MASK,
        number_of_bytes: u32::try_from(REGION_GPA + layout.info.region_size() - layout.info.free_gpa)
            .context("free memory")?,
        vtl2_protectable: false,
    });
    directives.extend(svsm_pages(&layout.svsm));
    directives.extend(
        layout
            .guest
            .iter()
            .map(|(gpa, data)| page_data(*gpa, IgvmPageDataType::NORMAL, data.as_deref())),
    );
    directives.push(IgvmDirectiveHeader::SnpVpContext {
        gpa: VMSA_GPA,
        compatibility_mask: SNP_MASK,
        vp_index: 0,
        vmsa: vmsa::boot_processor(layout.entry, inputs.options.features),
    });
    let file = igvm_file(directives)?;
    Ok(Image { file, layout })
}

/// An IGVM file for SNP alone with these directives, whose guest has [`GUEST_POLICY`].
pub fn igvm_file(directives: Vec<IgvmDirectiveHeader>) -> Result<Vec<u8>> {
    let platform = IgvmPlatformHeader::SupportedPlatform(IGVM_VHS_SUPPORTED_PLATFORM {
        compatibility_mask: SNP_MASK,
        highest_vtl: 0,
        platform_type: IgvmPlatformType::SEV_SNP,
        platform_version: igvm_defs::IGVM_SEV_SNP_PLATFORM_VERSION,
        shared_gpa_boundary: 0,
    });
    let policy = IgvmInitializationHeader::GuestPolicy {
        policy: GUEST_POLICY,
        compatibility_mask: SNP_MASK,
    };
    let mut file = Vec::new();
    IgvmFile::new(IgvmRevision::V1, vec![platform], vec![policy], directives)
        .and_then(|image| image.serialize(&mut file))
        .map_err(|error| anyhow!("the igvm crate refuses the image: {error}"))?;
    Ok(file)
}

/// Memory map and VP count, each in a page of its own.
fn parameters() -> Vec<IgvmDirectiveHeader> {
    let area = |parameter_area_index| IgvmDirectiveHeader::ParameterArea {
        number_of_bytes: PAGE_SIZE as u64,
        parameter_area_index,
        initial_data: Vec::new(),
    };
    let parameter = |parameter_area_index| IGVM_VHS_PARAMETER {
        parameter_area_index,
        byte_offset: 0,
    };
    let insert = |gpa, parameter_area_index| {
        let compatibility_mask = SNP_MASK;
        IgvmDirectiveHeader::ParameterInsert(IGVM_VHS_PARAMETER_INSERT {
            gpa,
            compatibility_mask,
            parameter_area_index,
        })
    };
    vec![
        area(MEMORY_MAP_AREA),
        area(VP_COUNT_AREA),
        IgvmDirectiveHeader::MemoryMap(parameter(MEMORY_MAP_AREA)),
        IgvmDirectiveHeader::VpCount(parameter(VP_COUNT_AREA)),
        insert(MEMORY_MAP_GPA, MEMORY_MAP_AREA),
        insert(VP_COUNT_GPA, VP_COUNT_AREA),
    ]
}

/// The region's pages with the secrets and CPUID pages in their places.
fn svsm_pages(pages: &Pages) -> Vec<IgvmDirectiveHeader> {
    let mut directives = vec![
        page_data(SECRETS_GPA, IgvmPageDataType::SECRETS, None),
        page_data(CPUID_GPA, IgvmPageDataType::CPUID_DATA, None),
    ];
    directives.extend(
        pages
            .iter()
            .map(|(gpa, data)| page_data(*gpa, IgvmPageDataType::NORMAL, data.as_deref())),
    );
    directives
}

/// A page to be loaded; without data it is one of zeros, or the platform's to fill.
pub fn page_data(gpa: u64, data_type: IgvmPageDataType, data: Option<&[u8; PAGE_SIZE]>) -> IgvmDirectiveHeader {
    IgvmDirectiveHeader::PageData {
        gpa,
        compatibility_mask: SNP_MASK,
        flags: IgvmPageDataFlags::new(),
        data_type,
        data: data.map(|bytes| bytes.to_vec()).unwrap_or_default(),
    }
}
