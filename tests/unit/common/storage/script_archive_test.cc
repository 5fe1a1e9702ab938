// SPDX-License-Identifier: Apache-2.0
// Modules made here file by file, as torch.jit.save lays them out; tests of the sites' gate
// (client/learning) hold real ones against it.
#include "common/storage/script_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

namespace tributary {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string zip_of(const std::map<std::string, std::string>& files) {
  std::string packed(1u << 20, '\0');
  std::size_t used = 0;
  archive* zip = archive_write_new();
  archive_write_set_format_zip(zip);
  EXPECT_EQ(archive_write_open_memory(zip, packed.data(), packed.size(), &used), ARCHIVE_OK);
  for (const auto& [name, text] : files) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_size(entry, static_cast<la_int64_t>(text.size()));
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0600);
    EXPECT_EQ(archive_write_header(zip, entry), ARCHIVE_OK);
    archive_write_data(zip, text.data(), text.size());
    archive_entry_free(entry);
  }
  archive_write_close(zip);
  archive_write_free(zip);
  packed.resize(used);
  return packed;
}

Status checked(const std::string& code) {
  return check_script(as_bytes(
      zip_of({{"net/code/__torch__/models/net.py", code}, {"net/data.pkl", "torch.newop("}})));
}

constexpr const char* kNet =
    "class Net(Module):\n"
    "  __parameters__ = [\"weight\", ]\n"
    "  weight : Tensor\n"
    "  def forward(self: __torch__.models.net.Net,\n"
    "    x: Tensor) -> Tensor:\n"
    "    weight = self.weight\n"
    "    _0 = __torch__.torch.nn.functional.anything(x, )\n"
    "    print(\"torch.from_file( is only spoken of\")  # torch.save(x)\n"
    "    return torch.linear(x, weight)\n";

TEST(ScriptArchive, ArithmeticPasses) {
  const Status fine = checked(kNet);
  EXPECT_TRUE(fine) << fine.error().message;
}

TEST(ScriptArchive, AnOperatorOfANewerTorchIsNamedWithItsFunction) {
  const Status refused = checked(std::string(kNet) +
                                 "  def helper(self: __torch__.models.net.Net,\n"
                                 "    x: Tensor) -> Tensor:\n"
                                 "    return torch.add(torch.newer_attention(x, 1), x)\n");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(refused.error().message,
              AllOf(HasSubstr("'aten::newer_attention'"),
                    HasSubstr("'__torch__.models.net.Net.helper'"), HasSubstr("newer torch")));
  const Status function = checked(std::string(kNet) +
                                  "def free(x: Tensor) -> Tensor:\n"
                                  "  return ops.quantized.add(x, x)\n");
  ASSERT_FALSE(function);
  EXPECT_THAT(function.error().message,
              AllOf(HasSubstr("'quantized::add'"), HasSubstr("'__torch__.models.net.free'")));
  EXPECT_TRUE(checked("def f(x: Tensor) -> Tensor:\n  return ops.prim.NumToTensor(1)\n"));
}

TEST(ScriptArchive, WhatIsNoModuleIsSaidToBeNone) {
  const std::string good = zip_of({{"net/code/__torch__/net.py", kNet}});
  ASSERT_TRUE(check_script(as_bytes(good)));
  for (const std::string& bad :
       {std::string(), std::string("garbage"), good.substr(0, good.size() / 2),
        zip_of({{"net/data.pkl", "x"}})}) {
    const Status refused = check_script(as_bytes(bad));
    ASSERT_FALSE(refused) << bad.size();
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(refused.error().message, HasSubstr("torch.jit.save"));
  }
}

}  // namespace
}  // namespace tributary
