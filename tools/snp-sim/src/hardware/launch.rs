//! The security processor at work: launch commands of the hypervisor, messages of the guest.

use super::Hardware;
use crate::machine::memory;
use snp_model::model::{
    address::{Gpa, Spa},
    guest_message::MessagePage,
    launch::{Digest384, PageType},
    psp::{CommandStatus, SecurityProcessor},
    rmp::Permissions,
    secrets_page,
    vmsa::{self, FEATURE_SECURE_TSC, at},
};

/// Why a launch command fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaunchError {
    /// No launch was started, or the command was refused.
    Refused(CommandStatus),
    /// The page is not in the state for it.
    PageState,
}

impl Hardware {
    /// SNP_LAUNCH_START.
    pub fn launch_start(&mut self, security: SecurityProcessor) {
        self.security = Some(security);
    }

    /// SNP_LAUNCH_UPDATE: measures a page that the hypervisor filled and locked for it, and gives it to the guest. `plain` is what the
    /// hypervisor put there: contents before the page was assigned.
    pub fn launch_update(
        &mut self,
        kind: PageType,
        page: Spa,
        plain: &[u8],
        signature: u32,
    ) -> Result<(), LaunchError> {
        let refused = LaunchError::Refused(CommandStatus::InvalidGuestState);
        let security = self.security.as_mut().ok_or(refused)?;
        let gpa = self.rmp.entry(page).map_or(Gpa(0), |entry| entry.gpa);
        security
            .launch_update(kind, gpa, plain, [0; 3])
            .map_err(LaunchError::Refused)?;
        let accepted = self
            .rmp
            .accept_launched(page, [Permissions::NONE; 3], kind == PageType::Vmsa);
        accepted.map_err(|_| LaunchError::PageState)?;
        match kind {
            PageType::Secrets => {
                let tsc = security.tsc();
                memory::write(page.0, &secrets_page::build(signature, security.vmpcks(), tsc.factor));
            }
            PageType::Zero => memory::fill_page(page.0, 0),
            PageType::Vmsa => {
                let mut area = [0; memory::PAGE as usize];
                area.copy_from_slice(plain);
                if vmsa::get(&area, at::SEV_FEATURES) & FEATURE_SECURE_TSC != 0 {
                    vmsa::set(&mut area, at::TSC_SCALE, security.tsc().scale);
                    vmsa::set(&mut area, at::TSC_OFFSET, security.tsc().offset);
                }
                memory::write(page.0, &area);
            }
            PageType::Normal | PageType::Unmeasured | PageType::Cpuid => memory::write(page.0, plain),
        }
        Ok(())
    }

    /// SNP_LAUNCH_FINISH.
    pub fn launch_finish(&mut self) -> Result<Digest384, LaunchError> {
        let refused = LaunchError::Refused(CommandStatus::InvalidGuestState);
        let security = self.security.as_mut().ok_or(refused)?;
        security.launch_finish().map_err(LaunchError::Refused)
    }

    /// SNP_GUEST_REQUEST.
    pub fn guest_request(&mut self, request: &MessagePage) -> Result<MessagePage, CommandStatus> {
        self.security
            .as_mut()
            .ok_or(CommandStatus::InvalidGuestState)?
            .guest_request(request)
    }
}
