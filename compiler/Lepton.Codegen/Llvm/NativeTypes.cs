#if !OFFICIAL_PACKAGES
namespace Lepton.Codegen.Llvm;

// The types of LLVM-C, with LLVMSharp's names. Opaque ones are only ever pointed to.
#pragma warning disable SA1649, CS0169, IDE0051

public struct LLVMOpaqueContext;

public struct LLVMOpaqueModule;

public struct LLVMOpaqueMemoryBuffer;

public struct LLVMOpaqueError;

public struct LLVMOpaquePassBuilderOptions;

public struct LLVMOpaqueTargetMachine;

public struct LLVMOpaqueTargetData;

public struct LLVMTarget;

public struct LLVMOrcOpaqueLLJIT;

public struct LLVMOrcOpaqueLLJITBuilder;

public struct LLVMOrcOpaqueJITDylib;

public enum LLVMCodeGenOptLevel
{
    LLVMCodeGenLevelNone,
    LLVMCodeGenLevelLess,
    LLVMCodeGenLevelDefault,
    LLVMCodeGenLevelAggressive,
}

public enum LLVMRelocMode
{
    LLVMRelocDefault,
    LLVMRelocStatic,
    LLVMRelocPIC,
}

public enum LLVMCodeModel
{
    LLVMCodeModelDefault,
    LLVMCodeModelJITDefault,
    LLVMCodeModelTiny,
    LLVMCodeModelSmall,
}

public enum LLVMCodeGenFileType
{
    LLVMAssemblyFile,
    LLVMObjectFile,
}

public enum LLVMVerifierFailureAction
{
    LLVMAbortProcessAction,
    LLVMPrintMessageAction,
    LLVMReturnStatusAction,
}
#endif
