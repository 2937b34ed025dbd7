//! The pages for users keep their word: their files are written as they stand there, and their commands are typed in the
//! order of the page and say what stands below them (`reader.rs`).

use crate::host::Folder;
use crate::pages::Page;
use crate::reader::Reader;
use crate::readme::project;
use crate::testing_docs::demo;

/// What a guide builds from nothing. Gives how many files and commands that were.
fn from_nothing(page: &str) -> (usize, usize) {
    Reader::new(Folder { root: tempfile::tempdir().unwrap() }).follow(page)
}

#[test]
fn a_first_application() {
    assert_eq!(from_nothing("docs/first-application.md"), (17, 20));
}

#[test]
fn from_twilio_functions() {
    assert_eq!(from_nothing("docs/from-twilio-functions.md"), (7, 3));
}

#[test]
fn from_the_original_platform() {
    assert_eq!(from_nothing("docs/from-the-original-platform.md"), (10, 8));
}

#[test]
fn testing() {
    let mut reader = Reader::new(demo());
    for block in Page::read("docs/testing.md").blocks() {
        if block.text.contains("FAILED") {
            reader.folder.write(
                "scripts/demo/orders.test.js",
                r#"test("an order is confirmed", () => {
  const ada = phone("+393331234567");
  twilio.failNext(63016);
  run("confirmOrder", { orderId: "A-7", customer: "Ada", phone: ada.number, totalCents: 4890 });

  const [order] = query("SELECT state FROM orders");
  assert.equal(order.state, "read");
});
"#,
            );
        }
        reader.read(&block);
    }
    assert_eq!(reader.commands, 4);
}

#[test]
fn what_check_says() {
    let mut reader = Reader::new(demo());
    let params = std::fs::read_to_string(reader.folder.path("app-params.toml")).unwrap();
    reader.folder.write("app-params.toml", &params.replace("applications.demo", "applications.shop"));
    let (from, to) = (reader.folder.path("scripts/demo"), reader.folder.path("scripts/shop"));
    std::fs::rename(from, to).unwrap();
    let tell = "function tell(order) {
  utils.sendWhatsapMessage(order.phone, `Your order ${order.id} is on its way.`);
}
tell(vo);
";
    reader.folder.write("scripts/shop/confirm.js", &format!("// Confirms.{}{tell}", "\n".repeat(10)));
    assert_eq!(reader.follow("docs/check.md").1, 2);
}

#[test]
fn what_a_failure_says() {
    let mut reader = Reader::new(demo());
    reader.folder.write(
        "scripts/demo/confirmOrder.js",
        r#"function load(id) {
  // No order has this number.
  const orders = JSON.parse("[null]");

  return orders[0].customer;
}
function confirm(id) {
  try {
    return load(id);
  } catch (error) {
    throw new Error("the order cannot be confirmed", { cause: error });
  }
}

confirm(vo.orderId);
"#,
    );
    assert_eq!(reader.follow("docs/actions.md").1, 1);
}

#[test]
fn types() {
    assert_eq!(Reader::new(demo()).follow("docs/types.md").1, 1);
}

/// Their commands are looked at: what they start takes minutes to hours.
#[test]
fn pages_for_contributors() {
    for page in ["contributing", "durability", "performance", "simulation"] {
        let mut reader = Reader::new(demo());
        assert_eq!(reader.follow(&format!("docs/{page}.md")).1, 0, "{page}");
    }
}

#[test]
fn pages_of_the_examples() {
    let mut reader = Reader::beside_a_host(project());
    for (app, typed) in [("otp", 3), ("orderstatus", 3), ("broadcast", 4)] {
        reader.commands = 0;
        for block in Page::read(&format!("scripts/{app}/README.md")).blocks() {
            for said in reader.read(&block) {
                if let Some((_, rest)) = said.text.split_once(r#""requestId":""#) {
                    reader.means(
                        r#""requestId":"…""#,
                        format!(r#""requestId":"{}""#, rest.split('"').next().unwrap()),
                    );
                    // The callbacks are under way.
                    while !reader
                        .types("boatswain messages list --app otp --status read --json")
                        .text
                        .contains("otp")
                    {}
                }
            }
        }
        assert_eq!(reader.commands, typed, "{app}");
    }
    reader.stops();
}
