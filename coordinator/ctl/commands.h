// SPDX-License-Identifier: Apache-2.0
// The commands of tributaryctl, each from parsed options to its exit status's Status. One thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "coordinator/ctl/authority.h"
#include "coordinator/ctl/connection.h"

namespace tributary {

struct FederationInit {
  std::string file;
  std::string directory = "federation";
  bool with_keys = false;  // of sites, too
};
Status federation_init(const FederationInit& options);

struct PkiInit {
  std::string directory;
  AuthorityOptions authority;
};
Status pki_init(const PkiInit& options);

struct PkiIssue {
  std::string directory;
  std::string role;
  std::string name;
  std::vector<std::string> hosts;
  std::string key = "p256";
  int days = 90;
};
Status pki_issue(const PkiIssue& options);

struct PkiCrl {
  std::string directory;
  std::vector<std::string> revoked;  // files of certificates
  int days = 7;
};
Status pki_crl(const PkiCrl& options);
// Audit logs, without a coordinator.
struct AuditOptions {
  std::string path;  // of a log, or of the state directory of a coordinator or site
  std::string ca = "ca.pem";
  std::string crl;   // lists of revoked certificates, whose signatures are wrong then; empty: none
  std::string kept;  // a head that a site keeps; empty: none
  std::string job;   // only its records; empty: all
  std::string out;
  bool json = false;
};
Status audit_verify(const AuditOptions& options);
Status audit_show(const AuditOptions& options);
Status audit_export(const AuditOptions& options);

// A job file with all that can be checked of it without a coordinator.
struct CheckedJob {
  std::string document;
  std::optional<Bytes> module;  // the model's file, where it needs one
};
// `any_operator`: also a module with an operator that sites of this version would refuse.
Result<CheckedJob> check_job(const std::string& path, bool any_operator = false);
struct SubmitOptions {
  std::string token;
  bool watch = false;
  bool dry_run = false;
  bool any_operator = false;
};
Status job_submit(Connection& connection, const CheckedJob& job, const SubmitOptions& options);
// The same file once more, as a job of its own.
Status job_clone(Connection& connection, const std::string& job, const SubmitOptions& options);
Status job_change(Connection& connection, const std::string& job, const JobChanges& changes);
Status job_list(Connection& connection, bool json);
Status job_show(Connection& connection, const std::string& job, bool json);
// What the evaluation of a round (best, last or a number) came to.
Status job_figures(Connection& connection, const std::string& job, const std::string& round,
                   bool json);
Status job_abort(Connection& connection, const std::string& job, const std::string& why);
Status show_status(Connection& connection, bool json);
Status site_list(Connection& connection, bool json);
// `unseen`: also where no such site has come.
Status site_control(Connection& connection, const ControlSite& request, bool unseen);
void print_sites(const std::vector<SiteRow>& sites);
nlohmann::json sites_json(const std::vector<SiteRow>& sites);
Status model_get(Connection& connection, const std::string& job, const std::string& round,
                 const std::string& out);
// Follows a job to its end, over as many links as it takes. kFailedPrecondition if it did not
// finish well.
Status watch_job(Connection& connection, const std::string& job);

}  // namespace tributary
