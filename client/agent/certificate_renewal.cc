// SPDX-License-Identifier: Apache-2.0
#include "client/agent/certificate_renewal.h"

#include "common/base/limits.h"
#include "common/crypto/pki.h"
#include "common/crypto/signing.h"
#include "common/crypto/signing_request.h"
#include "common/crypto/token_uri.h"
#include "common/crypto/vouched_request.h"
#include "common/storage/secret_file.h"

namespace tributary {
namespace {

constexpr Milliseconds kLookAgain{3'600'000};

std::string next_of(const std::string& path) { return path + ".next"; }

// What is in a token is not for a program to replace.
Error by_hand() {
  return make_error(ErrorCode::kFailedPrecondition,
                    "the key is in a hardware token, so the certificate is renewed by hand: have a "
                    "new one signed for it, put it in place, and reload (SIGHUP)");
}

}  // namespace

CertificateRenewal::CertificateRenewal(Ports ports, TlsFiles files, PeerIdentity own)
    : ports_(std::move(ports)), files_(std::move(files)), own_(std::move(own)) {}

// The next certificate is written last: where it is, key and certificate only have to be renamed,
// and the key's turn came first.
Status CertificateRenewal::recover(FileSystem& files, const TlsFiles& tls) {
  // A next pair that lies there is from when the key was a file still.
  if (is_token_uri(tls.key) || !files.exists(next_of(tls.certificate))) return {};
  if (files.exists(next_of(tls.key))) TRIB_CHECK_OK(files.rename(next_of(tls.key), tls.key));
  return files.rename(next_of(tls.certificate), tls.certificate);
}

Result<std::string> CertificateRenewal::read(const std::string& path) const {
  TRIB_TRY(bytes, ports_.files.read(path, limits::kConfigBytesMax));
  return std::string(as_text(bytes));
}

bool CertificateRenewal::refuse(const std::string& why) {
  if (told_ != why) ports_.log.record("certificate.not_renewed", {{"detail", why}});
  told_ = why;
  return false;
}

Result<std::string> CertificateRenewal::request() {
  TRIB_TRY(certificate, read(files_.certificate));
  TRIB_TRY(valid, validity_of(certificate));
  const std::int64_t now = ports_.clock.wall_ms() / 1000;
  const std::int64_t lifetime = valid.end_unix_seconds - valid.begin_unix_seconds;
  if (now < valid.begin_unix_seconds + lifetime * 2 / 3) return std::string{};
  if (is_token_uri(files_.key)) return by_hand();
  if (files_.certificate == files_.key) {
    return make_error(
        ErrorCode::kFailedPrecondition,
        "certificate and key are in one file, " + files_.key + "; only separate files are renewed");
  }
  const std::string place = next_of(files_.key);
  if (!ports_.files.exists(place)) {
    TRIB_TRY(made, make_signing_request(own_.name, peer_role_name(own_.role), KeyKind::kP256));
    TRIB_CHECK_OK(write_secret(ports_.files, place, made.key));
    ports_.log.record("certificate.requested",
                      {{"subject", own_.name}, {"days", (valid.end_unix_seconds - now) / 86'400}});
  }
  TRIB_TRY(key, read(place));
  TRIB_TRY(request, signing_request_for(key, own_.name, peer_role_name(own_.role)));
  TRIB_TRY(present_key, read(files_.key));
  TRIB_TRY(signer, Signer::make(certificate, present_key));
  return vouch_for_request(signer, request);
}

RenewCertificate CertificateRenewal::ask() {
  wake_ = ports_.clock.now() + kLookAgain;
  Result<std::string> made = request();
  if (made) return {*std::move(made)};
  refuse(made.error().message);
  return {};
}

bool CertificateRenewal::take(const TrustUpdate& news) {
  const bool lists = !news.crl.empty() && take_lists(news.crl);
  const bool certificates = !news.certificates.empty() && take_certificates(news.certificates);
  return lists || certificates;
}

bool CertificateRenewal::take_certificates(const std::string& certificates) {
  if (is_token_uri(files_.key)) return refuse(by_hand().message);
  const std::string next_key = next_of(files_.key);
  // Told twice, after a broken link: it is in its place already.
  if (!ports_.files.exists(next_key)) return false;
  std::int64_t days = 0;
  const auto replace = [&]() -> Status {
    TRIB_TRY(key, read(next_key));
    TRIB_TRY(roots, read(files_.ca));
    TRIB_TRY(signer, Signer::make(certificates, key));  // they belong together
    TRIB_TRY(who, verify_certificates(roots, certificates, ports_.clock.wall_ms() / 1000));
    if (who.name != own_.name || who.role != own_.role) {
      return make_error(
          ErrorCode::kUnauthenticated,
          "the new certificate is for the " + peer_role_name(who.role) + " '" + who.name + "'");
    }
    static_cast<void>(signer);
    TRIB_TRY(left, days_left(certificates));
    days = left;
    // Under another name first: under that of the next one it counts.
    TlsFiles next = files_;
    next.certificate += ".new";
    next.key = next_key;
    TRIB_CHECK_OK(ports_.files.write_durably(next.certificate, as_bytes(certificates)));
    if (const Status usable = ports_.check(next); !usable) {
      static_cast<void>(ports_.files.remove(next.certificate).has_value());
      return usable;
    }
    TRIB_CHECK_OK(ports_.files.rename(next.certificate, next_of(files_.certificate)));
    return recover(ports_.files, files_);
  };
  if (const Status replaced = replace(); !replaced) return refuse(replaced.error().message);
  told_.clear();
  ports_.log.record("certificate.renewed", {{"subject", own_.name}, {"days", days}});
  return true;
}

void CertificateRenewal::take(const EnrolAnswer& answer) {
  if (answer.state != EnrolmentState::kDenied || !ports_.files.exists(next_of(files_.key))) return;
  static_cast<void>(ports_.files.remove(next_of(files_.key)).has_value());
  refuse("the federation's operators denied it" + (answer.why.empty() ? "" : ": " + answer.why));
}

bool CertificateRenewal::take_lists(const std::string& lists) {
  if (files_.crl.empty()) return false;
  const auto current = read(files_.crl);
  if (current && !supersedes(lists, *current)) return false;
  TlsFiles next = files_;
  next.crl = next_of(files_.crl);
  const auto replace = [&]() -> Status {
    TRIB_CHECK_OK(ports_.files.write_durably(next.crl, as_bytes(lists)));
    TRIB_CHECK_OK(ports_.check(next));
    return ports_.files.rename(next.crl, files_.crl);
  };
  if (const Status replaced = replace(); !replaced) return refuse(replaced.error().message);
  return true;
}

}  // namespace tributary
