// SPDX-License-Identifier: Apache-2.0
#include "common/storage/tar_file.h"

#include <archive.h>
#include <archive_entry.h>

#include <array>
#include <memory>

#include "common/base/ids.h"

namespace tributary {
namespace {

constexpr std::size_t kBytesMax = 1u << 20;
constexpr std::size_t kFilesMax = 16;

using Reader = std::unique_ptr<archive, int (*)(archive*)>;
using Entry = std::unique_ptr<archive_entry, void (*)(archive_entry*)>;

Error wrong(const std::string& why) { return make_error(ErrorCode::kInvalidArgument, why); }

Error failed(const Reader& tar) {
  const char* why = archive_error_string(tar.get());
  return wrong(std::string("no tar of ours: ") + (why == nullptr ? "damaged" : why));
}

Result<std::string> text_of_entry(const Reader& tar, std::size_t bytes_max) {
  std::string text;
  std::array<char, 4096> part;
  for (;;) {
    const la_ssize_t size = archive_read_data(tar.get(), part.data(), part.size());
    if (size < 0) return failed(tar);
    if (size == 0) return text;
    text.append(part.data(), static_cast<std::size_t>(size));
    if (text.size() > bytes_max) return wrong("a tar of more than 1 MiB");
  }
}

}  // namespace

Result<TarFiles> unpack_tar(const std::string& bytes) {
  const Reader tar(archive_read_new(), &archive_read_free);
  archive_read_support_format_tar(tar.get());
  if (archive_read_open_memory(tar.get(), bytes.data(), bytes.size()) != ARCHIVE_OK)
    return failed(tar);
  TarFiles files;
  std::size_t room = kBytesMax;
  archive_entry* entry = nullptr;
  int next = 0;
  while ((next = archive_read_next_header(tar.get(), &entry)) == ARCHIVE_OK) {
    const char* raw = archive_entry_pathname(entry);
    const std::string name = raw == nullptr ? "" : raw;
    if (!is_valid_name(name) || archive_entry_filetype(entry) != AE_IFREG ||
        archive_entry_hardlink(entry) != nullptr || files.size() == kFilesMax) {
      return wrong("a tar with something else than a few plain files");
    }
    TRIB_TRY(text, text_of_entry(tar, room));
    room -= text.size();
    files[name] = std::move(text);
  }
  if (next != ARCHIVE_EOF) return failed(tar);
  return files;
}

Result<std::string> pack_tar(const TarFiles& files) {
  std::string packed(kBytesMax + (kFilesMax + 2) * 1024 + 10'240, '\0');
  std::size_t used = 0;
  const Reader tar(archive_write_new(), &archive_write_free);
  archive_write_set_format_ustar(tar.get());
  if (archive_write_open_memory(tar.get(), packed.data(), packed.size(), &used) != ARCHIVE_OK)
    return failed(tar);
  for (const auto& [name, text] : files) {
    const Entry entry(archive_entry_new(), &archive_entry_free);
    archive_entry_set_pathname(entry.get(), name.c_str());
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(text.size()));
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0600);
    if (archive_write_header(tar.get(), entry.get()) != ARCHIVE_OK ||
        archive_write_data(tar.get(), text.data(), text.size()) !=
            static_cast<la_ssize_t>(text.size())) {
      return failed(tar);
    }
  }
  if (archive_write_close(tar.get()) != ARCHIVE_OK) return failed(tar);
  packed.resize(used);
  return packed;
}

}  // namespace tributary
