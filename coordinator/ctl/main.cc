// SPDX-License-Identifier: Apache-2.0
// tributaryctl: the operator's command line.
#include <functional>
#include <iostream>

#include "common/base/limits.h"
#include "common/cli/command_line.h"
#include "common/cli/named_file.h"
#include "coordinator/ctl/commands.h"
#include "coordinator/ctl/enroll_commands.h"
#include "coordinator/ctl/interrupt.h"
#include "coordinator/ctl/privacy_commands.h"

namespace tributary {
namespace {

constexpr const char* kProgram = "tributaryctl";

int finish(const Status& status) {
  if (status) return 0;
  if (interrupted() != 0) return 128 + interrupted();  // as a shell says it
  return tell_error(kProgram, status.error());
}

Result<OperatorConfig> read_config(const std::string& path) {
  const auto text = read_named(path, limits::kConfigBytesMax);
  if (!text) {
    return make_error(ErrorCode::kInvalidArgument,
                      text.error().message +
                          "; name the file with --config or TRIBUTARYCTL_CONFIG. It says where "
                          "the coordinator is and who you are:\n  coordinator: HOST:8443\n"
                          "  server_name: NAME   # in the coordinator's certificate, where HOST is "
                          "not in it (pki issue --host)\n"
                          "  tls: {certificate: you.pem, key: you.key, ca: ca.pem}\n"
                          "or, with a token of your single sign-on:\n"
                          "  tls: {ca: ca.pem}\n  bearer_file: token");
  }
  return parse_operator_config(std::string(as_text(*text)), path);
}

Status with_connection(const std::string& path, const std::function<Status(Connection&)>& command) {
  TRIB_TRY(config, read_config(path));
  note_interrupts();
  TRIB_TRY(connection, Connection::open(config));
  return command(*connection);
}

// The options of all commands and what to run once they are parsed.
struct CommandLine {
  CLI::App app{
      "Tributary's command line for operators: certificates, jobs, models, and what is going on.",
      kProgram};
  std::string config = "tributaryctl.yaml";
  FederationInit founded;
  PkiInit init;
  PkiIssue issue;
  AuditOptions audited;
  PkiCrl crl;
  EnrollOptions enrolled;
  PrivacyPlan privacy;
  SubmitOptions submitted;
  JobChanges changes;
  ControlSite site;
  std::string file, job, deadline, why = "aborted", round = "last", out;
  bool json = false, unseen = false;
  std::function<Status()> run;

  CommandLine() {
    prepare_command_line(app);
    app.require_subcommand(1);
    app.add_option("--config", config, "Where the coordinator is and who you are")
        ->envname("TRIBUTARYCTL_CONFIG")
        ->capture_default_str();
    add_federation();
    add_pki();
    add_job();
    add_site();
    add_enroll(app, enrolled, [this](CLI::App* command, std::function<Status(Connection&)> action) {
      remote(command, std::move(action));
    });
    add_kit(app, enrolled,
            [this](CLI::App* command, std::function<Status(const OperatorConfig&)> action) {
              command->callback([this, action = std::move(action)] {
                run = [this, action]() -> Status {
                  auto read = read_config(config);
                  if (read) return action(*read);
                  return std::move(read).error().with_context(
                      "the kit tells the site where the coordinator is");
                };
              });
            });
    CLI::App* status = app.add_subcommand("status", "Sites and jobs");
    status->add_flag("--json", json, "For programs");
    remote(status, [this](Connection& c) { return show_status(c, json); });
    CLI::App* watched = app.add_subcommand("watch", "Follow a job to its end");
    watched->add_option("JOB", job, "Its id, as `job list` shows it")->required();
    remote(watched, [this](Connection& c) { return watch_job(c, job); });
    add_model();
    add_audit();
    add_privacy(app, privacy, [this](CLI::App* command, std::function<Status()> action) {
      command->callback([this, action = std::move(action)] { run = action; });
    });
  }

  void add_audit() {
    CLI::App* audit = app.add_subcommand(
        "audit", "What a coordinator or a site did, as its audit log tells; needs no coordinator");
    audit->require_subcommand(1);
    const auto command = [&](const char* name, const char* help,
                             Status (*action)(const AuditOptions&)) {
      CLI::App* added = audit->add_subcommand(name, help);
      added->add_option("PATH", audited.path, "A state directory, or an exported file")->required();
      added->callback([this, action] { run = [this, action] { return action(audited); }; });
      return added;
    };
    CLI::App* verify = command(
        "verify", "Check every record, head and countersignature; says what is wrong and where",
        audit_verify);
    verify->add_option("--ca", audited.ca, "The federation's root")->capture_default_str();
    verify->add_option("--crl", audited.crl,
                       "Lists of revoked certificates: what those have signed is wrong, whenever "
                       "it was; without it, what was signed before a revocation stays evidence");
    verify->add_option(
        "--kept", audited.kept,
        "A head that was kept, which tells whether the log still has what it had then: for a "
        "coordinator's log audit/coordinator.head of a site's state directory, for a site's own "
        "audit/audit.head, which is taken by itself where it lies beside the log");
    CLI::App* show = command("show", "The records", audit_show);
    show->add_option("--job", audited.job, "Only those of this job");
    show->add_flag("--json", audited.json, "For programs");
    CLI::App* exported =
        command("export", "Copy the log, as evidence: verify needs nothing else", audit_export);
    exported->add_option("--out", audited.out, "The file to write")->required();
  }

  void add_model() {
    CLI::App* model = app.add_subcommand("model", "Global models");
    model->require_subcommand(1);
    CLI::App* get = model->add_subcommand("get", "Fetch a global model as safetensors");
    get->add_option("JOB", job, "The job's id")->required();
    get->add_option("--round", round, "best, last or a number")->capture_default_str();
    get->add_option("--out", out, "The file to write");
    remote(get, [this](Connection& c) { return model_get(c, job, round, out); });
    // Not here, because it needs LibTorch: who looks for it is told where it is.
    CLI::App* elsewhere =
        model->add_subcommand("export")->group("")->allow_extras()->fallthrough(false);
    elsewhere->callback([this] {
      run = [] {
        return make_error(ErrorCode::kInvalidArgument,
                          "model export is a command of tributary-client: `tributary-client model "
                          "export --job job.yaml --model model.safetensors --out model.pt`");
      };
    });
  }

  void remote(CLI::App* command, std::function<Status(Connection&)> action) {
    command->callback([this, action = std::move(action)] {
      run = [this, action] { return with_connection(config, action); };
    });
  }

  void add_pki() {
    const auto kinds = CLI::IsMember({"p256", "ed25519"});
    CLI::App* pki = app.add_subcommand("pki", "Certificates of a federation");
    pki->require_subcommand(1);
    CLI::App* first = pki->add_subcommand(
        "init", "Make the root and the issuing CAs below it, for sites and services");
    first->add_option("--dir", init.directory, "Folder to write into")->required();
    AuthorityOptions& made = init.authority;
    first->add_option("--federation", made.federation, "Its name")->capture_default_str();
    first->add_option("--key", made.key, "Kind of key")->check(kinds)->capture_default_str();
    first->add_option("--days", made.days, "Validity of the root; the others have 3 years at most")
        ->check(CLI::Range(1, 36500))
        ->capture_default_str();
    first->callback([this] { run = [this] { return pki_init(init); }; });
    CLI::App* next = pki->add_subcommand(
        "issue", "Make NAME.pem and NAME.key, signed by the issuing CA for such a role");
    next->add_option("--dir", issue.directory, "Folder of the root")->required();
    next->add_option("--role", issue.role, "What it is")->required()->check(CLI::IsMember(roles()));
    next->add_option("--name", issue.name, "The identity: name of the site, of the person")
        ->required();
    next->add_option("--host", issue.hosts,
                     "More names or addresses under which a coordinator is reached");
    next->add_option("--key", issue.key, "Kind of key")->check(kinds)->capture_default_str();
    next->add_option("--days", issue.days, "Validity")
        ->check(CLI::Range(1, 36500))
        ->capture_default_str();
    next->callback([this] { run = [this] { return pki_issue(issue); }; });
    CLI::App* lists = pki->add_subcommand(
        "crl",
        "Make crl.pem anew: the lists of revoked certificates, of all CAs whose key is there");
    lists->add_option("--dir", crl.directory, "Folder of the CAs")->required();
    lists->add_option(
        "--revoke", crl.revoked,
        "A certificate (file), or a NAME whose certificates are all meant: worth nothing from "
        "now on");
    lists->add_option("--days", crl.days, "Until the next one is due; after that nobody is let in")
        ->check(CLI::Range(1, 365))
        ->capture_default_str();
    lists->callback([this] { run = [this] { return pki_crl(crl); }; });
  }

  static std::vector<std::string> roles() {
    std::vector<std::string> all = {"site", "evaluator", "coordinator"};
    all.insert(all.end(), kOperatorRoles.begin(), kOperatorRoles.end());
    return all;
  }

  void add_federation() {
    CLI::App* federation = app.add_subcommand("federation", "The parties of a federation");
    federation->require_subcommand(1);
    CLI::App* first = federation->add_subcommand(
        "init",
        "Make CAs, certificates and a folder for each party of federation.yaml; run again, it adds "
        "those that are new and renews the lists of revoked certificates");
    first->add_option("FILE", founded.file, "federation.yaml")->required();
    first->add_option("--dir", founded.directory, "Folder to write into")->capture_default_str();
    first->add_flag(
        "--with-keys", founded.with_keys,
        "Make the keys and certificates of sites, too, instead of letting them enrol: to "
        "try things out on one machine");
    first->callback([this] { run = [this] { return federation_init(founded); }; });
  }

  void add_site() {
    CLI::App* sites = app.add_subcommand("site", "Sites, and who of them may come");
    sites->require_subcommand(1);
    CLI::App* list = sites->add_subcommand("list", "All sites that have come, or are kept out");
    list->add_flag("--json", json, "For programs");
    remote(list, [this](Connection& c) { return site_list(c, json); });
    const auto add = [&](const char* name, const char* help, SiteAction action) {
      CLI::App* command = sites->add_subcommand(name, help);
      command->add_option("SITE", site.site.value, "Its name")->required();
      if (action != SiteAction::kEnable)
        command->add_option("--reason", site.why, "For the log, and for the site");
      command->add_flag("--unseen", unseen, "Although no site of that name has come yet");
      remote(command, [this, action](Connection& c) {
        site.action = action;
        return site_control(c, site, unseen);
      });
    };
    add("disable", "End its link and its tasks, and keep it out until it is enabled",
        SiteAction::kDisable);
    add("enable", "Let it in again", SiteAction::kEnable);
    add("revoke", "Disable it, and never let a certificate that it came with in again",
        SiteAction::kRevoke);
  }

  void add_job() {
    CLI::App* jobs = app.add_subcommand("job", "Jobs");
    jobs->require_subcommand(1);
    CLI::App* submit = jobs->add_subcommand(
        "submit", "Check a job file and put it in the queue; prints the job's id");
    submit_file(submit, false);
    add_submit_options(submit);
    submit_file(jobs->add_subcommand(
                    "dry-run",
                    "Ask every site on the link whether it could do the job (data, columns, model, "
                    "memory, disk), and why not; trains nothing. Exit status 0 if enough could"),
                true);
    CLI::App* check = jobs->add_subcommand("check", "Check a job file; needs no coordinator");
    check->add_option("FILE", file, "The job file")->required();
    check->callback([this] {
      run = [this]() -> Status {
        TRIB_CHECK_OK(check_job(file));
        std::cout << file << ": fine\n";
        return {};
      };
    });
    CLI::App* list = jobs->add_subcommand("list", "All jobs");
    list->add_flag("--json", json, "For programs");
    remote(list, [this](Connection& c) { return job_list(c, json); });
    CLI::App* show =
        jobs->add_subcommand("show", "A job, its rounds, and each site's part in them");
    show->add_option("JOB", job, "The job's id")->required();
    show->add_flag("--json", json, "For programs");
    remote(show, [this](Connection& c) { return job_show(c, job, json); });
    CLI::App* figures = jobs->add_subcommand(
        "figures",
        "All figures of an evaluation, with limits, the worst site, each class and the confusion");
    figures->add_option("JOB", job, "The job's id")->required();
    figures->add_option("--round", round, "best, last or a number")->capture_default_str();
    figures->add_flag("--json", json, "For programs");
    remote(figures, [this](Connection& c) { return job_figures(c, job, round, json); });
    add_control(jobs);
    CLI::App* abort = jobs->add_subcommand("abort", "End a job; finished rounds stay");
    abort->add_option("JOB", job, "The job's id")->required();
    abort->add_option("--why", why, "For the log")->capture_default_str();
    remote(abort, [this](Connection& c) { return job_abort(c, job, why); });
  }

  void add_submit_options(CLI::App* command) {
    command->add_option("--token", submitted.token,
                        "The same file with the same token is the same job (safe to repeat)");
    command->add_flag("--watch", submitted.watch, "Follow it to its end");
  }

  void submit_file(CLI::App* command, bool dry_run) {
    command->add_option("FILE", file, "The job file")->required();
    command->add_flag("--any-operator", submitted.any_operator,
                      "Send a module although sites of this version refuse an operator of it");
    command->callback([this, dry_run] {
      submitted.dry_run = dry_run;
      run = [this]() -> Status {
        TRIB_TRY(checked, check_job(file, submitted.any_operator));
        return with_connection(config,
                               [&](Connection& c) { return job_submit(c, checked, submitted); });
      };
    });
  }

  // What can be done to a job that is there.
  void add_control(CLI::App* jobs) {
    CLI::App* clone = jobs->add_subcommand(
        "clone", "Submit the file of a job once more; it trains, also where JOB was a dry run");
    clone->add_option("JOB", job, "The job's id")->required();
    add_submit_options(clone);
    remote(clone, [this](Connection& c) { return job_clone(c, job, submitted); });
    const auto switched = [&](const char* name, const char* help, bool paused) {
      CLI::App* command = jobs->add_subcommand(name, help);
      command->add_option("JOB", job, "The job's id")->required();
      remote(command, [this, paused](Connection& c) {
        changes.paused = paused;
        return job_change(c, job, changes);
      });
    };
    switched("pause", "Let a job rest: what runs is finished, nothing new begins", true);
    switched("resume", "Let a job that rests go on", false);
    CLI::App* change = jobs->add_subcommand("change", "Change a job that is not over");
    change->add_option("JOB", job, "The job's id")->required();
    change->add_option("--deadline", deadline,
                       "Of each phase, such as 30m; also of the one that is open");
    change->add_option("--quorum", changes.quorum,
                       "Updates that are enough; 0: the job's target, or all that are asked. A "
                       "lower one holds from the next round, if updates of this one are in");
    change->add_option("--rounds", changes.rounds, "How many in all; more than are committed")
        ->check(CLI::Range(1u, limits::kRoundsMax));
    change->add_option("--priority", changes.priority, "-100 to 100; higher goes first")
        ->check(CLI::Range(-limits::kPriorityMax, limits::kPriorityMax));
    remote(change, [this](Connection& c) -> Status {
      if (!deadline.empty()) {
        const auto parsed = parse_duration_ms(deadline);
        if (!parsed)
          return make_error(ErrorCode::kInvalidArgument, "--deadline: " + parsed.error().message);
        if (*parsed < limits::kWaitMinMs || *parsed > limits::kWaitMaxMs)
          return make_error(ErrorCode::kInvalidArgument, "--deadline: must be 100ms to 365d");
        changes.deadline_ms = *parsed;
      }
      return job_change(c, job, changes);
    });
  }
};

}  // namespace
}  // namespace tributary

int main(int argc, char** argv) {
  tributary::CommandLine line;
  if (const auto ended = tributary::parse_command_line(line.app, argc, argv)) return *ended;
  return tributary::finish(line.run());
}
