using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FunctionalDL.Kernels;

/// <summary>What the kernels found on this machine.</summary>
public static class Machine
{
    /// <summary>
    /// The width, in bits, of the vectors that all kernels use: 512, 256 or 128. The runtime decides it once
    /// per process (<c>DOTNET_EnableAVX512=0</c> gives 256, <c>DOTNET_PreferredVectorBitWidth=128</c> gives
    /// 128). Sums over several elements differ in their last bits between widths, and in nothing else.
    /// </summary>
    public static int VectorBits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128;
    }
}
