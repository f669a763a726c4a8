using System.Runtime.InteropServices;

namespace FunctionalDL.Kernels;

/// <summary>
/// Aligned memory from the operating system, in huge pages where it is large and the system offers them.
/// </summary>
internal static unsafe partial class SystemMemory
{
    private const nuint Alignment = 64;
    private const nuint HugePage = 2 << 20;
    private const int AdviseHugePage = 14; // MADV_HUGEPAGE of Linux

    private static bool s_canAdvise = OperatingSystem.IsLinux();

    public static nint Allocate(long bytes)
    {
        if (!s_canAdvise || bytes < 2 * (long)HugePage)
            return (nint)NativeMemory.AlignedAlloc((nuint)bytes, Alignment);

        // First touch of 40 MB costs 10,000 page faults in small pages (milliseconds) and 20 in huge ones.
        nint address = (nint)NativeMemory.AlignedAlloc((nuint)bytes, HugePage);
        try
        {
            // Only advice: a refusal changes nothing.
            _ = Advise(address, (nuint)bytes & ~(HugePage - 1), AdviseHugePage);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            s_canAdvise = false;
        }

        return address;
    }

    public static void Free(nint address) => NativeMemory.AlignedFree((void*)address);

    [DllImport("libc", EntryPoint = "madvise")]
    private static extern int Advise(nint address, nuint length, int advice);
}
