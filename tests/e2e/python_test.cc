// SPDX-License-Identifier: Apache-2.0
// The example of deploy/examples/python against real processes: a module scripted in Python is
// trained at sites, and its best model is loaded in Python again. Skipped where /usr/bin/python3
// lacks what deploy/install-dependencies installs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/e2e/federation_files.h"

namespace tributary {
namespace {

using testing::HasSubstr;

class PythonExample : public testing::Test {
 protected:
  void SetUp() override {
    if (run({"-c", "import torch, nbclient, ipykernel"}) != 0) {
      GTEST_SKIP() << "/usr/bin/python3 lacks torch, nbclient or ipykernel: install python3-torch, "
                      "python3-nbclient and python3-ipykernel";
    }
    std::filesystem::copy(TRIBUTARY_SOURCE_DIR "/deploy/examples/python", folder_);
    ASSERT_EQ(run({folder_ + "/train.py", "--script-only", "--folder", folder_}), 0) << said();
    FederationFiles::write(federation_.path("policy.yaml"),
                           "approval: automatic\ntorchscript: [" + said().substr(0, 64) + "]\n");
    federation_.start_coordinator();
    for (const int site : {1, 2}) federation_.start_client(site);
  }

  int run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "/usr/bin/python3");
    return run_process(arguments, federation_.path("python.txt"));
  }
  std::string said() const { return FederationFiles::read(federation_.path("python.txt")); }
  std::string config() const { return federation_.path("tributaryctl.yaml"); }

  FederationFiles federation_{2};
  const std::string folder_ = federation_.path("python");
};

TEST_F(PythonExample, AScriptSubmitsFollowsAndLoads) {
  ASSERT_EQ(run({folder_ + "/train.py", "--config", config(), "--ctl",
                 FederationFiles::program("tributaryctl"), "--folder", folder_}),
            0)
      << said() << federation_.logs();
  for (const char* line : {"submitted from-python-", "round 1: loss ", "round 5: loss ",
                           "hospital-1 ", "best model: round "})
    EXPECT_THAT(said(), HasSubstr(line));
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/model.pt"));
}

TEST_F(PythonExample, TheNotebookRunsFromTopToBottom) {
  const std::string program = folder_ + "/run_notebook.py";
  FederationFiles::write(
      program,
      "import nbformat, nbclient, os, sys\n"
      "os.environ['TRIBUTARYCTL_CONFIG'], os.environ['TRIBUTARYCTL'] = sys.argv[2:4]\n"
      "book = nbformat.read(sys.argv[1] + '/federated.ipynb', as_version=4)\n"
      "nbclient.NotebookClient(book, timeout=120, resources={'metadata': {'path': sys.argv[1]}})"
      ".execute()\n"
      "for cell in book.cells:\n"
      "    for output in cell.get('outputs', []):\n"
      "        print(output.get('text', ''))\n");
  ASSERT_EQ(run({program, folder_, config(), FederationFiles::program("tributaryctl")}), 0)
      << said() << federation_.logs();
  for (const char* line : {"round 5: loss ", "risk 0.", "worst site hospital-"})
    EXPECT_THAT(said(), HasSubstr(line));
}

// A name that no column has is told before anything is trained, in the words of tributaryctl.
TEST_F(PythonExample, AFaultOfTheJobIsAnExceptionWithItsReason) {
  std::string job = FederationFiles::read(folder_ + "/job.yaml");
  const std::string optimizer = "optimizer";
  job.replace(job.find(optimizer), optimizer.size(), "optimiser");
  FederationFiles::write(folder_ + "/job.yaml", job);
  EXPECT_NE(run({folder_ + "/train.py", "--config", config(), "--ctl",
                 FederationFiles::program("tributaryctl"), "--folder", folder_}),
            0);
  EXPECT_THAT(said(), HasSubstr("tributary.Failed"));
  EXPECT_THAT(said(), HasSubstr("optimizer"));
}

}  // namespace
}  // namespace tributary
