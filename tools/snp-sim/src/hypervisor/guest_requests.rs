//! Guest requests to the security processor (GHCB specification 56421, 4.1.7 and 4.1.8): the hypervisor carries sealed pages.
//!
//! It cannot read or forge them, but it can keep, repeat, change and deny them; `options::Act` names what it does on request.

use super::{
    Hypervisor,
    ghcb::{InputView, Malformed, at},
};
use crate::hv;
use snp_model::{
    model::{
        address::{Gpa, PAGE_SIZE, PageSize},
        guest_message::MessagePage,
    },
    options::{Act, Occasion},
};

/// Answers of the hypervisor itself, in the upper half of SW_EXITINFO2.
const INVALID_LENGTH: u64 = 1;
const BUSY: u64 = 2;
/// A firmware error that a hostile hypervisor makes up: "unsupported".
const MADE_UP_ERROR: u64 = 0x15;

impl Hypervisor<'_> {
    /// Serves a plain or an extended request.
    pub fn guest_request(&mut self, processor: usize, input: &mut InputView, extended: bool) -> Result<(), Malformed> {
        let (request_gpa, answer_gpa) = (Gpa(input.request.info1()), Gpa(input.request.info2()));
        let aligned = request_gpa.is_aligned(PageSize::Small) && answer_gpa.is_aligned(PageSize::Small);
        if !aligned || request_gpa == answer_gpa {
            return Err(Malformed::InvalidInput);
        }
        let request_page = self.ram.shared_page(request_gpa).ok_or(Malformed::InvalidInput)?;
        let answer_page = self.ram.shared_page(answer_gpa).ok_or(Malformed::InvalidInput)?;
        self.occasions.guest_request += 1;
        let act = self.acts(self.occasions.guest_request, is_about_requests);
        if let Some(act) = act {
            hv!("hostile: guest request {} meets {act:?}", self.occasions.guest_request);
        }
        self.perform_at(processor, Occasion::GuestRequest(self.occasions.guest_request));
        let pages = self.certificates.len().div_ceil(PAGE_SIZE as usize) as u64;
        if extended {
            let (data, room) = (Gpa(input.required(at::RAX)?), input.required(at::RBX)?);
            if room < pages || act == Some(Act::PspLength) {
                input.answer(at::RBX, pages + u64::from(act == Some(Act::PspLength)));
                input.answer(at::SW_EXITINFO2, INVALID_LENGTH << 32);
                return Ok(());
            }
            self.deliver_certificates(data)?;
        }
        let mut request: MessagePage = [0; PAGE_SIZE as usize];
        self.hardware.host_read(request_page, &mut request);
        let result = match act {
            Some(Act::PspBusy) => BUSY << 32,
            Some(Act::PspError) => MADE_UP_ERROR,
            Some(Act::PspReplay) => {
                let previous = self.last_answer;
                self.write_answer(answer_page, &previous);
                0
            }
            act => match self.hardware.guest_request(&request) {
                Err(status) => status as u64,
                Ok(_) if act == Some(Act::PspLost) => BUSY << 32,
                Ok(mut answer) => {
                    self.last_answer = answer;
                    if act == Some(Act::PspCorrupt) {
                        answer[0x80] ^= 1;
                    }
                    self.write_answer(answer_page, &answer);
                    0
                }
            },
        };
        input.answer(at::SW_EXITINFO2, result);
        Ok(())
    }

    fn write_answer(&mut self, page: snp_model::model::address::Spa, answer: &MessagePage) {
        if !self.hardware.host_write(page, answer) {
            self.stop(format_args!("an answer page became private while it was used"));
        }
    }

    fn deliver_certificates(&mut self, data: Gpa) -> Result<(), Malformed> {
        if !data.is_aligned(PageSize::Small) {
            return Err(Malformed::InvalidInput);
        }
        let certificates = self.certificates;
        for (chunk, offset) in certificates
            .chunks(PAGE_SIZE as usize)
            .zip((0..).step_by(PAGE_SIZE as usize))
        {
            let page = self.ram.shared_page(data.add(offset)).ok_or(Malformed::InvalidInput)?;
            if !self.hardware.host_write(page, chunk) {
                return Err(Malformed::InvalidInput);
            }
        }
        Ok(())
    }
}

fn is_about_requests(act: &Act) -> bool {
    matches!(
        act,
        Act::PspBusy | Act::PspError | Act::PspCorrupt | Act::PspReplay | Act::PspLost | Act::PspLength
    )
}
