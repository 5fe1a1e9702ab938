// SPDX-License-Identifier: Apache-2.0
#include "client/learning/script_gate.h"

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include "common/base/text.h"
#include "common/domain/script_operators.h"

namespace tributary {
namespace {

using torch::jit::Block;
using torch::jit::Function;
using torch::jit::Node;

// Walks from function to function; each is looked at once.
class Gate {
 public:
  explicit Gate(const torch::jit::Module& module)
      : unit_(module._ivalue()->compilation_unit()), root_(module.type()) {}

  Status check() {
    TRIB_CHECK_OK(check_type(*root_, "the module"));
    for (Function* function : unit_->get_functions()) add(function);
    while (!waiting_.empty()) {
      const Function* function = waiting_.back();
      waiting_.pop_back();
      TRIB_CHECK_OK(check_function(*function));
    }
    return {};
  }

 private:
  void add(Function* function) {
    if (function == nullptr || !seen_.insert(function).second) return;
    function->ensure_defined();  // what is compiled when it is first called is compiled now
    waiting_.push_back(function);
  }
  static Error refuse(const std::string& what, const std::string& where) {
    return make_error(ErrorCode::kPermissionDenied,
                      "the TorchScript module " + what + " in " + tributary::quoted(where) +
                          "; a module may compute with tensors, and nothing else");
  }

  // Classes of a module bring their code with them. Those built into Torch do not, so nobody knows
  // what they do.
  Status check_type(const c10::Type& type, const std::string& where) {
    if (!checked_types_.insert(&type).second) return {};
    if (type.kind() == c10::TypeKind::CapsuleType || type.kind() == c10::TypeKind::PyObjectType ||
        type.kind() == c10::TypeKind::FutureType || type.kind() == c10::TypeKind::RRefType ||
        type.kind() == c10::TypeKind::StorageType || type.kind() == c10::TypeKind::StreamObjType ||
        type.kind() == c10::TypeKind::QuantizerType) {
      return refuse("has a value of type " + tributary::quoted(type.str()), where);
    }
    if (const auto* a_class = type.castRaw<c10::ClassType>()) {
      if (a_class->compilation_unit() != unit_)
        return refuse("uses the class " + tributary::quoted(type.str()), where);
      for (Function* method : a_class->methods()) add(method);
      for (Function* hook : a_class->getForwardHooks()) add(hook);
      for (Function* hook : a_class->getForwardPreHooks()) add(hook);
      for (const auto& attribute : a_class->getAttributes())
        TRIB_CHECK_OK(check_type(*attribute.getType(), type.str()));
      return {};
    }
    for (const auto& inner : type.containedTypes()) TRIB_CHECK_OK(check_type(*inner, where));
    return {};
  }

  Status check_function(const Function& function) {
    const std::string where = function.qualname().qualifiedName();
    if (!function.isGraphFunction()) return refuse("calls code that it does not bring", where);
    const auto graph = torch::jit::toGraphFunction(function).graph();
    for (const torch::jit::Value* input : graph->inputs())
      TRIB_CHECK_OK(check_type(*input->type(), where));
    return check_block(*graph->block(), where);
  }

  Status check_block(const Block& block, const std::string& where) {
    for (const Node* node : block.nodes()) {
      TRIB_CHECK_OK(check_node(*node, where));
      for (const Block* inner : node->blocks()) TRIB_CHECK_OK(check_block(*inner, where));
    }
    return {};
  }

  Status check_node(const Node& node, const std::string& where) {
    const std::string name = node.kind().toQualString();
    if (!is_allowed_operator(name)) return refuse("runs " + tributary::quoted(name), where);
    for (const auto attribute : node.attributeNames()) {
      const auto kind = node.kindOf(attribute);
      if (kind == torch::jit::AttributeKind::g || kind == torch::jit::AttributeKind::gs)
        return refuse("hides code in an attribute of " + tributary::quoted(name), where);
    }
    for (const torch::jit::Value* value : node.outputs())
      TRIB_CHECK_OK(check_type(*value->type(), where));
    if (node.kind() == c10::prim::CallFunction) {
      const auto callee = node.input(0)->type()->cast<c10::FunctionType>();
      if (!callee) return refuse("calls a function that cannot be told", where);
      add(callee->function());
    }
    if (node.kind() == c10::prim::CallMethod) return check_receiver(*node.input(0)->type(), where);
    return {};
  }

  // Whatever has an interface's methods is a class of the module, whose methods are all looked at.
  Status check_receiver(const c10::Type& type, const std::string& where) {
    if (type.kind() == c10::TypeKind::InterfaceType) return {};
    if (type.kind() == c10::TypeKind::ClassType) return check_type(type, where);
    return refuse("calls a method of " + tributary::quoted(type.str()), where);
  }

  const std::shared_ptr<torch::jit::CompilationUnit> unit_;
  const c10::ClassTypePtr root_;
  std::vector<Function*> waiting_;
  std::set<const Function*> seen_;
  std::set<const c10::Type*> checked_types_;
};

// The node's input for the operator's argument of this name, or none.
const torch::jit::Value* argument(const Node* node, const char* name) {
  const auto* schema = node->maybeSchema();
  const auto index = schema ? schema->argumentIndexWithName(name) : c10::nullopt;
  return index ? node->input(static_cast<std::size_t>(*index)) : nullptr;
}

bool draws_random_numbers(const Node* node) {
  static constexpr std::array kRandom{"dropout", "bernoulli",   "rand",         "normal",
                                      "rrelu",   "multinomial", "exponential_", "uniform_",
                                      "poisson", "geometric_",  "cauchy_"};
  const std::string kind = node->kind().toUnqualString();
  const auto in_name = [&kind](const char* part) { return kind.find(part) != std::string::npos; };
  if (std::any_of(kRandom.begin(), kRandom.end(), in_name)) return true;
  for (const char* name : {"dropout", "dropout_p"}) {  // recurrent layers, attention
    const auto* rate = argument(node, name);
    if (!rate) continue;
    const auto value = torch::jit::toIValue(rate);
    if (!value || !value->isDouble() || value->toDouble() > 0.0) return true;
  }
  return false;
}

void inspect(const Block* block, ForwardFindings& found) {
  for (const Node* node : block->nodes()) {
    for (const Block* inner : node->blocks()) inspect(inner, found);
    if (!node->kind().is_aten()) continue;
    found.random = found.random || draws_random_numbers(node);
    const std::string kind = node->kind().toUnqualString();
    if (kind.find("batch_norm") != std::string::npos) found.mixes_rows = kind;
    for (const char* name : {"train", "training"}) {
      const auto* train_switch = argument(node, name);
      if (train_switch && train_switch->node()->kind() == c10::prim::Constant)
        found.fixed_switch = node->kind().toUnqualString();
    }
  }
}

}  // namespace

Status check_operators(const torch::jit::Module& module) { return Gate(module).check(); }

Result<ForwardFindings> inspect_forward(const torch::jit::Module& module) {
  const auto method = module.find_method("forward");
  if (!method) {
    return make_error(ErrorCode::kInvalidArgument, "the TorchScript module has no method forward");
  }
  const auto graph = method->graph()->copy();
  torch::jit::Inline(*graph);
  ForwardFindings found;
  inspect(graph->block(), found);
  return found;
}

}  // namespace tributary
