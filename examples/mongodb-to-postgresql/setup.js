// A small shop and its support desk. Run it once: mongosh "$MONGODB_URL" setup.js
const shop = db.getSiblingDB("ecommerce");
const countries = ["NL", "DE", "FR", "PT"];
const users = [];
for (let n = 1; n <= 1000; n++) {
    users.push({
        _id: n,
        name: `User ${n}`,
        email: `user${n}@example.com`,
        created_at: new Date(Date.UTC(2026, 0, 1) + n * 60000),
        address: { street: `Street ${n % 97}`, country: countries[n % 4] },
    });
}
shop.users.insertMany(users);
for (let first = 1; first <= 20000; first += 1000) {
    const orders = [];
    for (let n = first; n < first + 1000; n++) {
        orders.push({
            user_id: 1 + (n % 1000),
            state: "open",
            total: NumberDecimal(`${n % 500}.95`),
            lines: [{ article: n % 70, count: 1 + (n % 3) }],
        });
    }
    shop.orders.insertMany(orders);
}
db.getSiblingDB("support").tickets.insertMany([
    { _id: "T-1", user_id: 1, subject: "Where is my order?", open: true },
    { _id: "T-2", user_id: 2, subject: "A spare part", open: true },
]);
