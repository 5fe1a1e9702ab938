// SPDX-License-Identifier: Apache-2.0
// CertificateRenewal: a site's certificate over the years. When two thirds of its time have passed
// it makes the next key, which never leaves, and asks the coordinator for a certificate; what comes
// is checked against the root, and takes the place of the old files so that a kill at any moment
// leaves a pair that belongs together. Lists of revoked certificates that are newer take their
// file's place too. With a key in a hardware token certificates are renewed by hand: it says so in
// the log when it is time. Owned by the daemon, one thread. It knows no link.
#pragma once

#include <functional>
#include <string>

#include "common/base/clock.h"
#include "common/crypto/identity.h"
#include "common/domain/messages.h"
#include "common/domain/tls_files.h"
#include "common/storage/file_system.h"
#include "common/telemetry/event_log.h"

namespace tributary {

class CertificateRenewal {
 public:
  struct Ports {
    FileSystem& files;
    EventLog& log;
    const Clock& clock;
    // Whether one could go on with these files, and the coordinator on the link too.
    std::function<Status(const TlsFiles&)> check;
  };
  CertificateRenewal(Ports ports, TlsFiles files, PeerIdentity own);

  // Before the files are read for the first time: takes up what a kill interrupted.
  static Status recover(FileSystem& files, const TlsFiles& tls);

  // What to tell the coordinator on a new link, and at wake(): the request for the next
  // certificate, if it is time for it, and that there may be news.
  RenewCertificate ask();
  TimePoint wake() const { return wake_; }
  // Whether files were replaced, and are to be read anew. What is wrong with them is in the log.
  bool take(const TrustUpdate& news);
  // The next key was denied: another one is made when it is asked again.
  void take(const EnrolAnswer& answer);

 private:
  Result<std::string> read(const std::string& path) const;
  Result<std::string> request();
  bool take_certificates(const std::string& certificates);
  bool take_lists(const std::string& lists);
  bool refuse(const std::string& why);

  Ports ports_;
  TlsFiles files_;
  PeerIdentity own_;
  TimePoint wake_;
  std::string told_;  // the last failure, so that it is told once
};

}  // namespace tributary
