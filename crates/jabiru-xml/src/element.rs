use crate::RawElement;
/// An owned tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element { name: String, namespace: String, attributes: Vec<Attribute>, content: Vec<Content> }
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute { pub name: String, /// empty: none
 pub namespace: String, pub value: String }
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content { Element(Element), Text(String) }
#[allow(unused_variables, clippy::must_use_candidate)]
impl Element {
    /// # Panics? No: an invalid name is a programming error caught by debug_assert; see H1's docs.
    pub fn new(name: impl Into<String>, namespace: impl Into<String>) -> Element { todo!() }
    // by value, for building:
    pub fn with_attribute(self, name: impl Into<String>, value: impl Into<String>) -> Element { todo!() }
    pub fn with_lang(self, lang: impl Into<String>) -> Element { todo!() }
    pub fn with_child(self, child: Element) -> Element { todo!() }
    pub fn with_text(self, text: impl Into<String>) -> Element { todo!() }
    // in place:
    pub fn set_attribute(&mut self, name: &str, value: Option<&str>) { todo!() }
    pub fn push_child(&mut self, child: Element) { todo!() }
    pub fn push_text(&mut self, text: &str) { todo!() }
    pub fn retain_children(&mut self, keep: impl FnMut(&Element) -> bool) { todo!() }
    // getters:
    pub fn name(&self) -> &str { todo!() }
    pub fn namespace(&self) -> &str { todo!() }
    pub fn is(&self, name: &str, namespace: &str) -> bool { todo!() }
    pub fn attribute(&self, name: &str) -> Option<&str> { todo!() }
    pub fn lang(&self) -> Option<&str> { todo!() }
    pub fn attributes(&self) -> &[Attribute] { todo!() }
    pub fn content(&self) -> &[Content] { todo!() }
    pub fn children(&self) -> impl Iterator<Item = &Element> { [].iter() }
    pub fn child(&self, name: &str, namespace: &str) -> Option<&Element> { todo!() }
    pub fn text(&self) -> String { todo!() }
    /// Appends the element as it must stand where `default_namespace` is the default namespace and no prefix is declared.
    /// Characters that XML 1.0 can't carry are written as U+FFFD.
    pub fn write(&self, out: &mut Vec<u8>, default_namespace: &str) { todo!() }
    /// Written in the scope of `default_namespace` and indexed.
    pub fn to_raw(&self, default_namespace: &str) -> RawElement { todo!() }
}
impl std::fmt::Display for Element { fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { todo!() } }
