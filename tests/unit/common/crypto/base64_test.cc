// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/base64.h"

#include <gtest/gtest.h>

namespace tributary {
namespace {

// RFC 4648, section 10.
TEST(Base64, VectorsOfTheRfc) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : vectors) EXPECT_EQ(encode_base64(as_bytes(plain)), text);
}

// Blocks are put together without padding between them.
TEST(Base64, MoreThanABlock) {
  const Bytes bytes((3u << 20) + 1, std::byte{0xff});
  const std::string text = encode_base64(bytes);
  EXPECT_EQ(text.size(), (4u << 20) + 4);
  EXPECT_EQ(text.find('='), text.size() - 2);
  EXPECT_EQ(text.substr(0, text.size() - 3).find_first_not_of('/'), std::string::npos);
}

}  // namespace
}  // namespace tributary
