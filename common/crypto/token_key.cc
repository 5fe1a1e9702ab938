// SPDX-License-Identifier: Apache-2.0
// OpenSSL 3 has deprecated engines, and Debian 12 has no provider for tokens to replace this one.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "common/crypto/token_key.h"

#include <dlfcn.h>
#include <openssl/crypto.h>
#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/ui.h>

#include <cstdlib>
#include <mutex>

#include "common/base/text.h"
#include "common/crypto/private_key.h"

namespace tributary {
namespace {

constexpr const char* kPinVariable = "TRIBUTARY_PKCS11_PIN";
constexpr std::size_t kPinBytesMax = 255;  // tokens take less

Error refuse(const TokenUri& uri, const std::string& why) {
  ERR_clear_error();
  return make_error(ErrorCode::kInvalidArgument, "key " + escaped(uri.key) + ": " + why);
}

std::string source_of_pin(const TokenUri& uri) {
  return uri.pin_file.empty() ? kPinVariable : uri.pin_file;
}

// Nobody is asked: a daemon has no terminal. It is not wiped afterwards, as the engine has a copy
// while the process lives.
Result<std::string> find_pin(const TokenUri& uri) {
  std::string pin;
  if (!uri.pin_file.empty()) {
    TRIB_TRY(text, read_text_file("PIN file", uri.pin_file));
    pin = std::move(text);
    TRIB_CHECK_OK(check_private("PIN file", uri.pin_file));
  } else if (const char* given = std::getenv(kPinVariable); given != nullptr) {
    pin = given;
  }
  while (pin.ends_with('\n') || pin.ends_with('\r')) pin.pop_back();
  if (!pin.empty() && pin.size() <= kPinBytesMax && pin.find('\0') == std::string::npos) {
    return pin;
  }
  if (pin.empty() && uri.pin_file.empty()) {
    return refuse(uri, std::string("the token's PIN is missing; put it into a file of mode 0600 "
                                   "and add pin-source=/PATH/FILE after the ?, or set ") +
                           kPinVariable);
  }
  return refuse(uri, source_of_pin(uri) + " holds no PIN: one line of 1 to 255 characters");
}

// What the first of OpenSSL's errors says: the later ones only pass it on.
std::string first_reason() {
  const unsigned long code = ERR_get_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return reason == nullptr ? "unknown reason" : reason;
}

class TokenEngine {
 public:
  Result<Key> load(const TokenUri& uri, const std::string& pin) {
    const std::scoped_lock lock(mutex_);
    TRIB_CHECK_OK(open_module(uri));
    TRIB_CHECK_OK(open_engine(uri));
    ERR_clear_error();
    if (ENGINE_ctrl_cmd_string(engine_, "PIN", pin.c_str(), 0) != 1)
      return refuse(uri, "the engine took no PIN");
    Key key = find(uri.key);
    if (key) {
      ERR_clear_error();
      return key;
    }
    return refuse(uri, explain(uri, first_reason()));
  }

 private:
  Key find(const std::string& what) {
    return Key(
        ENGINE_load_private_key(engine_, what.c_str(), const_cast<UI_METHOD*>(UI_null()), nullptr),
        &EVP_PKEY_free);
  }

  // The engine would write on stderr why it could not.
  Status open_module(const TokenUri& uri) {
    if (uri.module == module_) return {};
    if (!module_.empty()) {
      return refuse(uri, "this process has loaded " + module_ +
                             " already, and takes no second "
                             "library for tokens (" +
                             uri.module + ")");
    }
    void* const library = ::dlopen(uri.module.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      const char* why = ::dlerror();
      return refuse(uri, "the token's library cannot be loaded: " +
                             std::string(why == nullptr ? uri.module : why) +
                             "; install it, or correct module-path");
    }
    if (::dlsym(library, "C_GetFunctionList") == nullptr) {
      ::dlclose(library);
      return refuse(uri, uri.module + " is no PKCS#11 library; correct module-path");
    }
    module_ = uri.module;  // it stays open: the engine holds on to it
    return {};
  }

  Status open_engine(const TokenUri& uri) {
    if (engine_ != nullptr) return {};
    const char* folder = std::getenv("OPENSSL_ENGINES");
    if (folder == nullptr) folder = OPENSSL_info(OPENSSL_INFO_ENGINES_DIR);
    ENGINE* const engine = ENGINE_by_id("dynamic");
    const auto set = [&](const char* name, const char* value) {
      return ENGINE_ctrl_cmd_string(engine, name, value, 0) == 1;
    };
    // It is not put on OpenSSL's list, so no other code is given it, and nothing takes it down
    // while the process ends and threads may still sign.
    if (engine == nullptr || !set("ID", "pkcs11") || !set("DIR_LOAD", "2") ||
        !set("DIR_ADD", folder) || !set("LIST_ADD", "0") || !set("LOAD", nullptr)) {
      ENGINE_free(engine);
      return refuse(uri, "OpenSSL's engine pkcs11 cannot be loaded from " + std::string(folder) +
                             "; install it (Debian: apt-get install libengine-pkcs11-openssl)");
    }
    // Its own words go to stderr, beside the log.
    if (!set("QUIET", nullptr) || !set("MODULE_PATH", module_.c_str()) || ENGINE_init(engine) != 1)
      return refuse(uri, "OpenSSL's engine pkcs11 does not start: " + first_reason());
    engine_ = engine;
    return {};
  }

  std::string explain(const TokenUri& uri, const std::string& reason) {
    if (reason.find("PIN") != std::string::npos) {
      return "the token does not let us in: " + reason + "; correct the PIN in " +
             source_of_pin(uri) + " before the next try, as tokens lock after a few";
    }
    if (reason != "object not found") {
      return "the token gives no key: " + reason + "; is it plugged in, and is " + uri.module +
             " its library?";
    }
    // The engine says the same of either; any key shows that the token is there.
    if (find(uri.token + ";type=private")) {
      return "the token has no private key of that name; list what it has with pkcs11-tool "
             "--module " +
             uri.module + " --login --list-objects";
    }
    return "there is no such token, or it holds no private key; list the tokens with pkcs11-tool "
           "--module " +
           uri.module + " --list-slots (one plugged in later needs a restart)";
  }

  std::mutex mutex_;
  ENGINE* engine_ = nullptr;
  std::string module_;
};

}  // namespace

Result<Key> load_token_key(const TokenUri& uri) {
  // For good: keys that were loaded go on using it.
  static TokenEngine* const engine = new TokenEngine;
  TRIB_TRY(pin, find_pin(uri));
  return engine->load(uri, pin);
}

}  // namespace tributary
