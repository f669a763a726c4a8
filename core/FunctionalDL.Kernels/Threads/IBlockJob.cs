namespace FunctionalDL.Kernels;

/// <summary>Work that was cut into numbered blocks, each independent of the others.</summary>
public interface IBlockJob
{
    /// <summary>Does one block.</summary>
    /// <param name="block">The number of the block, from 0.</param>
    /// <param name="worker">
    /// Who does it, in [0, <see cref="WorkerPool.Threads"/>); 0 is the thread that called <see
    /// cref="WorkerPool.Run"/>. For statistics only: when a pool is busy several callers are 0 at the same
    /// time, so scratch memory must belong to the thread or the block, and a result must never depend on it.
    /// </param>
    void Execute(int block, int worker);
}
