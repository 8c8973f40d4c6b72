#if !OFFICIAL_PACKAGES
using System.Runtime.InteropServices;

namespace Lepton.Codegen.Llvm;

/// <summary>
/// The functions of LLVM-C that are used, with the names and signatures of <c>LLVMSharp.Interop.LLVM</c>, so that the package can stand in its place.
/// An <c>int</c> result is an LLVMBool: 0 is success. Texts are zero-terminated UTF-8.
/// </summary>
/// <remarks>
/// Ownership: ParseIRInContext consumes its buffer, OrcLLJITAddObjectFile its object, OrcCreateLLJIT its builder; GetErrorMessage consumes the error.
/// Call <see cref="LlvmLibrary.Load"/> before anything here.
/// </remarks>
public static unsafe partial class LLVM
{
    // A name that no file has: the resolver answers it with the library that LlvmLibrary found.
    private const string Library = "lepton-llvm";

    static LLVM() => NativeLibrary.SetDllImportResolver(
        typeof(LLVM).Assembly, static (name, _, _) => name == Library ? LlvmLibrary.Load().Handle : 0);

    // Target

    [LibraryImport(Library, EntryPoint = "LLVMGetHostCPUName")]
    public static partial sbyte* GetHostCPUName();

    [LibraryImport(Library, EntryPoint = "LLVMGetHostCPUFeatures")]
    public static partial sbyte* GetHostCPUFeatures();

    [LibraryImport(Library, EntryPoint = "LLVMDisposeMessage")]
    public static partial void DisposeMessage(sbyte* Message);

    [LibraryImport(Library, EntryPoint = "LLVMGetTargetFromTriple")]
    public static partial int GetTargetFromTriple(sbyte* Triple, LLVMTarget** T, sbyte** ErrorMessage);

    [LibraryImport(Library, EntryPoint = "LLVMCreateTargetMachine")]
    public static partial LLVMOpaqueTargetMachine* CreateTargetMachine(
        LLVMTarget* T, sbyte* Triple, sbyte* CPU, sbyte* Features, LLVMCodeGenOptLevel Level, LLVMRelocMode Reloc, LLVMCodeModel CodeModel);

    [LibraryImport(Library, EntryPoint = "LLVMDisposeTargetMachine")]
    public static partial void DisposeTargetMachine(LLVMOpaqueTargetMachine* T);

    [LibraryImport(Library, EntryPoint = "LLVMCreateTargetDataLayout")]
    public static partial LLVMOpaqueTargetData* CreateTargetDataLayout(LLVMOpaqueTargetMachine* T);

    [LibraryImport(Library, EntryPoint = "LLVMDisposeTargetData")]
    public static partial void DisposeTargetData(LLVMOpaqueTargetData* TD);

    [LibraryImport(Library, EntryPoint = "LLVMTargetMachineEmitToMemoryBuffer")]
    public static partial int TargetMachineEmitToMemoryBuffer(
        LLVMOpaqueTargetMachine* T, LLVMOpaqueModule* M, LLVMCodeGenFileType codegen, sbyte** ErrorMessage, LLVMOpaqueMemoryBuffer** OutMemBuf);

    // Modules and passes

    [LibraryImport(Library, EntryPoint = "LLVMContextCreate")]
    public static partial LLVMOpaqueContext* ContextCreate();

    [LibraryImport(Library, EntryPoint = "LLVMContextDispose")]
    public static partial void ContextDispose(LLVMOpaqueContext* C);

    [LibraryImport(Library, EntryPoint = "LLVMCreateMemoryBufferWithMemoryRangeCopy")]
    public static partial LLVMOpaqueMemoryBuffer* CreateMemoryBufferWithMemoryRangeCopy(sbyte* InputData, nuint InputDataLength, sbyte* BufferName);

    [LibraryImport(Library, EntryPoint = "LLVMGetBufferStart")]
    public static partial sbyte* GetBufferStart(LLVMOpaqueMemoryBuffer* MemBuf);

    [LibraryImport(Library, EntryPoint = "LLVMGetBufferSize")]
    public static partial nuint GetBufferSize(LLVMOpaqueMemoryBuffer* MemBuf);

    [LibraryImport(Library, EntryPoint = "LLVMDisposeMemoryBuffer")]
    public static partial void DisposeMemoryBuffer(LLVMOpaqueMemoryBuffer* MemBuf);

    [LibraryImport(Library, EntryPoint = "LLVMParseIRInContext")]
    public static partial int ParseIRInContext(LLVMOpaqueContext* ContextRef, LLVMOpaqueMemoryBuffer* MemBuf, LLVMOpaqueModule** OutM, sbyte** OutMessage);

    [LibraryImport(Library, EntryPoint = "LLVMVerifyModule")]
    public static partial int VerifyModule(LLVMOpaqueModule* M, LLVMVerifierFailureAction Action, sbyte** OutMessage);

    [LibraryImport(Library, EntryPoint = "LLVMSetTarget")]
    public static partial void SetTarget(LLVMOpaqueModule* M, sbyte* Triple);

    [LibraryImport(Library, EntryPoint = "LLVMSetModuleDataLayout")]
    public static partial void SetModuleDataLayout(LLVMOpaqueModule* M, LLVMOpaqueTargetData* DL);

    [LibraryImport(Library, EntryPoint = "LLVMPrintModuleToString")]
    public static partial sbyte* PrintModuleToString(LLVMOpaqueModule* M);

    [LibraryImport(Library, EntryPoint = "LLVMDisposeModule")]
    public static partial void DisposeModule(LLVMOpaqueModule* M);

    [LibraryImport(Library, EntryPoint = "LLVMCreatePassBuilderOptions")]
    public static partial LLVMOpaquePassBuilderOptions* CreatePassBuilderOptions();

    [LibraryImport(Library, EntryPoint = "LLVMPassBuilderOptionsSetLoopVectorization")]
    public static partial void PassBuilderOptionsSetLoopVectorization(LLVMOpaquePassBuilderOptions* Options, int LoopVectorization);

    [LibraryImport(Library, EntryPoint = "LLVMPassBuilderOptionsSetSLPVectorization")]
    public static partial void PassBuilderOptionsSetSLPVectorization(LLVMOpaquePassBuilderOptions* Options, int SLPVectorization);

    [LibraryImport(Library, EntryPoint = "LLVMPassBuilderOptionsSetLoopInterleaving")]
    public static partial void PassBuilderOptionsSetLoopInterleaving(LLVMOpaquePassBuilderOptions* Options, int LoopInterleaving);

    [LibraryImport(Library, EntryPoint = "LLVMDisposePassBuilderOptions")]
    public static partial void DisposePassBuilderOptions(LLVMOpaquePassBuilderOptions* Options);

    [LibraryImport(Library, EntryPoint = "LLVMRunPasses")]
    public static partial LLVMOpaqueError* RunPasses(
        LLVMOpaqueModule* M, sbyte* Passes, LLVMOpaqueTargetMachine* TM, LLVMOpaquePassBuilderOptions* Options);

    [LibraryImport(Library, EntryPoint = "LLVMGetErrorMessage")]
    public static partial sbyte* GetErrorMessage(LLVMOpaqueError* Err);

    [LibraryImport(Library, EntryPoint = "LLVMDisposeErrorMessage")]
    public static partial void DisposeErrorMessage(sbyte* ErrMsg);

    // ORC: it is given finished objects only, so no module and no target machine ever changes hands.

    [LibraryImport(Library, EntryPoint = "LLVMOrcCreateLLJIT")]
    public static partial LLVMOpaqueError* OrcCreateLLJIT(LLVMOrcOpaqueLLJIT** Result, LLVMOrcOpaqueLLJITBuilder* Builder);

    [LibraryImport(Library, EntryPoint = "LLVMOrcLLJITGetMainJITDylib")]
    public static partial LLVMOrcOpaqueJITDylib* OrcLLJITGetMainJITDylib(LLVMOrcOpaqueLLJIT* J);

    [LibraryImport(Library, EntryPoint = "LLVMOrcLLJITAddObjectFile")]
    public static partial LLVMOpaqueError* OrcLLJITAddObjectFile(
        LLVMOrcOpaqueLLJIT* J, LLVMOrcOpaqueJITDylib* JD, LLVMOpaqueMemoryBuffer* ObjBuffer);

    [LibraryImport(Library, EntryPoint = "LLVMOrcLLJITLookup")]
    public static partial LLVMOpaqueError* OrcLLJITLookup(LLVMOrcOpaqueLLJIT* J, ulong* Result, sbyte* Name);

    [LibraryImport(Library, EntryPoint = "LLVMOrcDisposeLLJIT")]
    public static partial LLVMOpaqueError* OrcDisposeLLJIT(LLVMOrcOpaqueLLJIT* J);
}
#endif
