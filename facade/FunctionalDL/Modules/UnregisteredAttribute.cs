namespace FunctionalDL;

/// <summary>
/// Keeps a module from finding parameters, buffers and modules in this field or property: they are then
/// neither trained nor saved with it.
/// </summary>
[AttributeUsage(AttributeTargets.Field | AttributeTargets.Property)]
public sealed class UnregisteredAttribute : Attribute
{
}
